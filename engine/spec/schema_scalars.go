package spec

// bareForm is the form of a text without ${{ in it. Of what comes after a $,
// it steps over $ and {$, which both leave it behind a $.
const bareForm = `^[^$]*(\$(\$|\{\$)*([^${]|\{[^${])[^$]*)*(\$(\$|\{\$)*\{?)?$`

// scalarSchema returns the schema of a text of one of the forms. What YAML
// reads as a number or a boolean is a text too, unless the form rules it out.
func scalarSchema(k Key) object {
	switch k.Form {
	case Version:
		return object{{"const", 1}}
	case Word:
		return object{{"enum", k.Words}}
	case TypeName:
		return object{{"type", anyText()}, {"minLength", 1}, {"examples", Kinds()}}
	case Path:
		return append(object{{"type", anyText()}}, pattern(k.Form)...)
	case Expression:
		return object{
			{"type", anyText()},
			{"minLength", 1},
			{"pattern", bareForm},
			{"patternErrorMessage", "an expression, written without ${{ }}"},
		}
	case Name, Identifier:
		return append(object{{"type", []string{"string", "boolean"}}}, pattern(k.Form)...) // true is a word like others
	case Switch:
		return orText("boolean", "^(true|false)$", "true or false")
	case Whole:
		form := `^\+?[0-9]+$`
		if k.Least > 0 {
			form = `^\+?0*[1-9][0-9]*$`
		}
		return orText("integer", form, "a whole number").with("minimum", k.Least)
	case Number:
		return orText("number", floatForm.String(), "a number")
	case Line:
		return object{{"type", anyText()}}
	default:
		return append(object{{"type", "string"}}, pattern(k.Form)...)
	}
}

// anyText lists the types that YAML reads a text as.
func anyText() []string { return []string{"string", "number", "boolean"} }

// orText is the schema of a value of another type that may also stand in
// quotes: what a pattern says, it says of texts only.
func orText(kind, form, message string) object {
	return object{{"type", []string{kind, "string"}}, {"pattern", form}, {"patternErrorMessage", message}}
}

// pattern returns what says of a text that it has a form, nil for a form that
// any text has.
func pattern(form Form) object {
	expression, message := formOf(form)
	if expression == "" {
		return nil
	}
	return object{{"pattern", expression}, {"patternErrorMessage", message}}
}

// formOf returns the regular expression of a form and what to write instead
// of a text that is not of the form, "" for a form that any text has.
func formOf(form Form) (expression, message string) {
	switch form {
	case Name:
		return nameForm.String(), "a name in snake_case: small letters, digits and _"
	case Identifier:
		return identifierForm.String(), "a name: letters, digits and _, beginning with a letter"
	case Path:
		return pathForm.String(), "names with dots between them, as in body.results.0.id"
	case Duration:
		return durationForm.String(), "a number and a unit: 30s, 15m, 24h, 7d"
	case Size:
		return sizeForm.String(), "a number and a unit: 500KB, 10MB"
	case Clock:
		return clockForm.String(), `hours and minutes: "08:00", "17:30"`
	default:
		return "", ""
	}
}
