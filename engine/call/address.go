package call

import (
	"net/url"
	"strings"

	"patchbay/engine/value"
)

// wholeURL is the path of an action whose whole address is a value.
const wholeURL = "{url}"

// assemble puts the gathered parts together.
func (o *operation) assemble(b *builder) (*draft, *value.Failure) {
	d := &draft{method: o.Action.Method, header: b.header}
	if d.method == "{method}" {
		d.method = strings.ToUpper(b.path["method"])
	}
	var f *value.Failure
	if d.url, f = o.address(b); f != nil {
		return nil, f
	}
	if query := encodeParams(b.query); query != "" {
		if d.url.RawQuery != "" {
			query = d.url.RawQuery + "&" + query
		}
		d.url.RawQuery = query
	}
	var contentType string
	if d.body, contentType, f = b.encodeBody(d.method, d.header.Get("Content-Type")); f != nil {
		return nil, f
	}
	if contentType != "" && d.header.Get("Content-Type") == "" || len(b.parts) > 0 {
		d.header.Set("Content-Type", contentType)
	}
	return d, nil
}

// address fills the path of the action. Each value is escaped as a part of a
// path, so that none can add parts of its own; what the action says between
// them stays as it is written, a slash at the end included.
func (o *operation) address(b *builder) (*url.URL, *value.Failure) {
	if o.Action.Path == wholeURL {
		return wholeAddress(b.path["url"])
	}
	base := o.origin()
	path, rest := "", o.Action.Path
	for {
		before, after, found := strings.Cut(rest, "{")
		path += before
		if !found {
			break
		}
		name, after, _ := strings.Cut(after, "}")
		text, ok := b.path[name]
		if auth := o.auth(); !ok && auth != nil && auth.Path == name {
			text, ok = "{"+name+"}", true // the credentials fill it
		}
		if !ok {
			f := value.Fail(value.ClassInvalid, "%s is missing, and the address needs it", name)
			f.Field = name
			return nil, f
		}
		if strings.Contains(path, "?") {
			path += url.QueryEscape(text)
		} else {
			path += url.PathEscape(text)
		}
		rest = after
	}
	u, err := url.Parse(strings.TrimSuffix(base, "/") + path)
	if err != nil || u.Host == "" {
		return nil, value.Fail(value.ClassInvalid, "%q is no address to send a request to", strings.TrimSuffix(base, "/")+o.Action.Path)
	}
	return u, nil
}

// origin is what the path of the action stands behind: the base address, or
// another host of the connector. A connection with a base address of its own
// goes nowhere else: there the other hosts are taken to be played too.
func (o *operation) origin() string {
	base := o.Action.Connector.BaseURL
	own := o.Connection != nil && o.Connection.BaseURL != ""
	switch {
	case o.Action.Host == "" && o.Connection != nil:
		return o.Connection.URL()
	case o.Action.Host == "":
		return base
	case !own:
		return "https://" + o.Action.Host
	}
	root := strings.TrimSuffix(o.Connection.BaseURL, "/")
	if u, err := url.Parse(base); err == nil {
		root = strings.TrimSuffix(root, strings.TrimSuffix(u.EscapedPath(), "/"))
	}
	return root
}

// wholeAddress reads an address an input gives.
func wholeAddress(text string) (*url.URL, *value.Failure) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		f := value.Fail(value.ClassInvalid, "url is not an address that begins with https:// or http:// and names a host")
		f.Field = "url"
		return nil, f
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// base is the address the credentials are for.
func (o *operation) base() (*url.URL, bool) {
	text := o.Action.Connector.BaseURL
	if o.Connection != nil {
		text = o.Connection.URL()
	}
	u, err := url.Parse(text)
	return u, err == nil && u.Host != ""
}
