package spec

import "slices"

// rules returns what a schema says of the keys of a section together.
func (g *schemer) rules(s Section) object {
	switch s.Name {
	case "step":
		return stepRules(s)
	case "action":
		return object{
			{"if", object{{"properties", object{{"effect", object{{"enum", writeEffects()}}}}}, {"required", []string{"effect"}}}},
			{"then", requires("repeat")},
		}
	case "connector_trigger":
		return connectorTriggerRules()
	case "trigger":
		return append(exactlyOne(inOrder(s, s.One)), object{
			{"if", not(requires("trigger"))}, {"then", none("with", "from_start")},
		}...)
	case "case":
		return append(exactlyOne(inOrder(s, s.One)), object{
			{"if", requires("else")}, {"then", object{{"properties", object{{"else", object{{"enum", []any{true, "true"}}}}}}}},
		}...)
	case "schedule":
		return append(exactlyOne(inOrder(s, s.One)), object{
			{"if", not(requires("time"))}, {"then", none("on")},
		}...)
	}
	if len(s.One) > 0 {
		return exactlyOne(inOrder(s, s.One))
	}
	return nil
}

// stepRules says that a step does one thing; a loop has its steps, or one
// action or call beside it.
func stepRules(s Section) object {
	inLoop := []string{"steps", "action", "call"}
	alone := slices.DeleteFunc(inOrder(s, stepKinds()), func(key string) bool { return key == "for_each" })
	others := slices.DeleteFunc(slices.Clone(alone), func(key string) bool { return slices.Contains(inLoop, key) })
	return object{
		{"if", requires("for_each")},
		{"then", append(exactlyOne(inLoop), none(others...)...)},
		{"else", append(exactlyOne(alone), object{{"properties", object{
			{"steps", false}, {"as", false}, {"at_once", false}, {"on_error", object{{"enum", []string{"stop", "continue"}}}},
		}}}...)},
		{"allOf", []object{{
			{"if", not(anyOf(requires("action"), requires("call")))}, {"then", none("with")},
		}}},
	}
}

// connectorTriggerRules says which keys go with which type of trigger.
func connectorTriggerRules() object {
	needs, strays := triggerKeys()
	var cases []object
	for _, kind := range []string{"webhook", "poll"} {
		cases = append(cases, object{
			{"if", object{{"properties", object{{"type", object{{"const", kind}}}}}, {"required", []string{"type"}}}},
			{"then", append(object{{"required", needs[kind]}}, none(strays[kind]...)...)},
		})
	}
	return object{{"allOf", cases}}
}

// inOrder returns the keys in the order of the section.
func inOrder(s Section, keys []string) []string {
	var names []string
	for _, k := range s.Keys {
		if slices.Contains(keys, k.Name) {
			names = append(names, k.Name)
		}
	}
	return names
}

// exactlyOne says that one of the keys stands in a map and no other of them.
func exactlyOne(keys []string) object {
	var one []object
	for _, key := range keys {
		one = append(one, requires(key))
	}
	return object{{"oneOf", one}}
}

// none says that none of the keys stands in a map.
func none(keys ...string) object {
	var properties object
	for _, key := range keys {
		properties = properties.with(key, false)
	}
	return object{{"properties", properties}}
}

func not(schema object) object { return object{{"not", schema}} }

// typeOrFields is the schema of a type that is written out: a definition with
// a kind behind its key type, or with fields that are none themselves; else a
// map of fields.
func (g *schemer) typeOrFields(s Section) object {
	isMap := object{{"type", "object"}}
	definition := g.keys(s)
	definition = slices.DeleteFunc(definition, func(m member) bool { return m.name == "required" })
	fields := isMap.with("properties", object{{"type", isMap}})
	withKind := requires("type").with("properties", object{{"type", not(isMap)}})
	withFields := requires("fields").with("properties", object{{"fields", fields}}).with("not", requires("type"))
	return object{{"if", anyOf(withKind, withFields)}, {"then", definition}, {"else", free(Line, g.ref("field"))}}
}

// branch is the schema of a branch of parallel: a map with nothing but steps,
// or a single step.
func (g *schemer) branch(s Section) object {
	return object{
		{"if", object{{"required", []string{"steps"}}, {"maxProperties", 1}}},
		{"then", g.keys(s)},
		{"else", g.ref("step")},
	}
}
