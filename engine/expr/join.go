package expr

import (
	"slices"

	"patchbay/engine/value"
)

// join returns the type of a value that is of type a or of type b. Where the
// two have nothing in common that is any.
func join(a, b *value.Type) *value.Type {
	switch {
	case a == nothingType:
		return b
	case b == nothingType, a == b:
		return a
	case a.IsAny() || b.IsAny():
		return anyType
	case a.Kind == value.Nil:
		return b.AsOptional()
	case b.Kind == value.Nil:
		return a.AsOptional()
	case a.Optional || b.Optional:
		return join(a.AsPresent(), b.AsPresent()).AsOptional()
	case a.Name != "" && a.Name == b.Name && a.Kind == b.Kind:
		return joinNamed(a, b)
	case a.Kind == value.Enum && b.Kind == value.Enum:
		values := slices.Clone(a.Values)
		for _, v := range b.Values {
			if !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		return &value.Type{Kind: value.Enum, Values: values}
	case a.Kind == value.List && b.Kind == value.List:
		return joinElems(a, b)
	case a.Kind == value.Map && b.Kind == value.Map:
		return joinElems(a, b)
	case a == emptyObject && b.Kind == value.Object:
		return allOptional(b)
	case b == emptyObject && a.Kind == value.Object:
		return allOptional(a)
	case a.Kind == value.Object && b.Kind == value.Object:
		return joinObjects(a, b)
	case a.Kind == b.Kind:
		return value.Of(a.Kind)
	case isNumber(a) && isNumber(b):
		return numberType
	case isText(a) && isText(b):
		return textType
	}
	return anyType
}

// joinNamed joins two forms of one named type. Of its fields more may be known to
// be there in one of them than in the other.
func joinNamed(a, b *value.Type) *value.Type {
	if a.Kind != value.Object || len(a.Fields) == 0 || len(b.Fields) == 0 || &a.Fields[0] == &b.Fields[0] {
		return a
	}
	t := joinObjects(a, b)
	t.Name = a.Name
	return t
}

func joinElems(a, b *value.Type) *value.Type {
	elem := join(elemOf(a), elemOf(b))
	switch elem {
	case elemOf(a):
		return a
	case elemOf(b):
		return b
	}
	return &value.Type{Kind: a.Kind, Elem: elem}
}

// joinObjects returns an object with the fields of both; a field only one of
// them has may be missing.
func joinObjects(a, b *value.Type) *value.Type {
	t := &value.Type{Kind: value.Object}
	for _, f := range a.Fields {
		if g, ok := b.Lookup(f.Name); ok {
			f.Type = join(typeOf(f), typeOf(g))
		} else {
			f.Type = f.Type.AsOptional()
		}
		t.Fields = append(t.Fields, f)
	}
	for _, g := range b.Fields {
		if _, ok := a.Lookup(g.Name); !ok {
			g.Type = g.Type.AsOptional()
			t.Fields = append(t.Fields, g)
		}
	}
	return t
}

func allOptional(t *value.Type) *value.Type {
	return joinObjects(t, &value.Type{Kind: value.Object})
}

// elemOf returns the type of the items of a list or map, any where it is not
// known.
func elemOf(t *value.Type) *value.Type {
	if t == nil || t.Elem == nil {
		return anyType
	}
	return t.Elem
}

// Shared returns the type of what values of both types have for certain: of
// objects the fields that both have. What is not known shares whatever the other
// has. A nil type has everything.
func Shared(a, b *value.Type) *value.Type {
	switch {
	case a == nil:
		return b
	case b == nil || a == b:
		return a
	case a.IsAny() || b.IsAny():
		return anyType
	}
	out := &value.Type{Kind: value.Object, Name: "what all triggers share"}
	for _, f := range a.Fields {
		other, ok := b.Lookup(f.Name)
		switch {
		case !ok:
		case f.Type.IsAny() || other.Type.IsAny():
			f.Type = anyType
			out.Fields = append(out.Fields, f)
		case value.Mismatch(f.Type, other.Type) == "":
			f.Type = other.Type
			out.Fields = append(out.Fields, f)
		case value.Mismatch(other.Type, f.Type) == "":
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}

// sameType reports whether two types let the same values through.
func sameType(a, b *value.Type) bool {
	return a == b || a != nothingType && b != nothingType && a.Optional == b.Optional && a.String() == b.String() &&
		value.Mismatch(a, b) == "" && value.Mismatch(b, a) == ""
}

// perhaps returns the type of an item that may not be there; of a list that is
// known to be empty there is none.
func perhaps(elem *value.Type) *value.Type {
	if elem == nothingType {
		return nilType
	}
	return elem.AsOptional()
}

func typeOf(f value.Field) *value.Type {
	if f.Type == nil {
		return anyType
	}
	return f.Type
}

// refine returns the type of a value of which these paths below it are known
// to hold something.
func refine(t *value.Type, paths [][]string) *value.Type {
	for _, path := range paths {
		t = withPresent(t, path)
	}
	return t
}

func withPresent(t *value.Type, path []string) *value.Type {
	if t == nil || len(path) == 0 {
		return t.AsPresent()
	}
	i := slices.IndexFunc(t.Fields, func(f value.Field) bool { return f.Name == path[0] })
	if t.Kind != value.Object || i < 0 {
		return t
	}
	n := *t
	n.Fields = slices.Clone(t.Fields)
	n.Fields[i].Type = withPresent(t.Fields[i].Type, path[1:])
	return &n
}
