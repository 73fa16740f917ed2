package spec

func connectionsSection() section[Connections] {
	return section[Connections]{
		name: "connections", noun: "a connections file",
		rows: []row[Connections]{
			scalar("connections", Version, "the version of the language, in the first line", "1", func(c *Connections) *Text { return &c.Version }),
		},
		restKey: Key{Form: Block, Section: "connection", Names: Name, Help: "a connection by its name"},
		rest: func(p *parser, c *Connections, e Entry) {
			p.named(e.Key, Name)
			if one := read(p, connectionSection(), spot{key: e.Key, name: e.Key.Value, value: e.Value}); one != nil {
				one.Name = e.Key
				c.Connections = append(c.Connections, one)
			}
		},
	}
}

func connectionSection() section[Connection] {
	return section[Connection]{
		name: "connection", noun: "a connection",
		rows: []row[Connection]{
			scalar("connector", Name, "the connector it belongs to", "ghl", func(c *Connection) *Text { return &c.Connector }).must(),
			scalar("auth", Line, "one of the connector's ways in", "private_token", func(c *Connection) *Text { return &c.Auth }),
			scalar("base_url", Line, "another address than the connector's", "https://api.example.com", func(c *Connection) *Text { return &c.BaseURL }),
		},
		restKey: Key{Form: Literal, Names: Line, Help: "a field of the connector's connection and its value"},
		rest: func(p *parser, c *Connection, e Entry) {
			if !p.empty(spot{key: e.Key, name: e.Key.Value, value: e.Value}) {
				c.Fields = append(c.Fields, e)
			}
		},
	}
}

func tableSection() section[Table] {
	return section[Table]{name: "table", noun: "a table", rows: []row[Table]{
		scalar("table", Version, "the version of the language, in the first line", "1", func(t *Table) *Text { return &t.Version }),
		scalar("name", Line, "what people call the table", "Invoices seen", func(t *Table) *Text { return &t.Name }),
		scalar("description", Line, "what it is for", "", func(t *Table) *Text { return &t.Description }),
		fields("fields", "the columns", func(t *Table) *[]Field { return &t.Fields }).must().not("columns"),
		lines("key", OneOrLines, "the field, or the fields, by which a row is found", "invoice_id", func(t *Table) *[]Text { return &t.Key }),
		scalar("keep", Duration, "how long a row is kept", "400d", func(t *Table) *Text { return &t.Keep }),
	}}
}
