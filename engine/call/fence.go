package call

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// refusal is why a request was not allowed to go where it was about to.
type refusal struct {
	reason string
	status int
}

func (r *refusal) Error() string { return r.reason }

// fence is where a connector may send requests: to the host of its base
// address, and to the hosts it lists. The base address of a connection is the
// word of the operator and stands in place of the connector's.
type fence struct {
	connector string
	base      *url.URL // nil for none
	hosts     []string
}

func (o *operation) fence() fence {
	f := fence{connector: o.Action.Connector.ID, hosts: o.Action.Connector.Hosts}
	if base, ok := o.base(); ok {
		f.base = base
	}
	return f
}

// anywhere reports whether the connector may reach every public host.
func (f fence) anywhere() bool { return slices.Contains(f.hosts, "*") }

// admits returns why a request may not go to u, or nil.
func (f fence) admits(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return &refusal{reason: fmt.Sprintf("%s is no web address", shownAddress(u))}
	case f.base != nil && sameOrigin(f.base, u), f.anywhere():
		return nil
	case u.Scheme == "http" && (f.base == nil || f.base.Scheme == "https"):
		return &refusal{reason: fmt.Sprintf("%s is not encrypted, and %s only talks https", shownAddress(u), f.connector)}
	}
	for _, host := range f.hosts {
		if strings.EqualFold(host, u.Host) || strings.EqualFold(host, u.Hostname()) && u.Port() == "" {
			return nil
		}
	}
	return &refusal{reason: fmt.Sprintf("%s is not among the hosts of %s (%s)", shownAddress(u), f.connector, f.list())}
}

func (f fence) list() string {
	var all []string
	if f.base != nil {
		all = append(all, f.base.Host)
	}
	return strings.Join(append(all, f.hosts...), ", ")
}

// shownAddress is an address without its query, which may hold a key.
func shownAddress(u *url.URL) string { return u.Scheme + "://" + u.Host + u.EscapedPath() }

func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	default:
		return "443"
	}
}

const mostRedirects = 5

// redirect decides about following a redirect. Credentials stay behind when
// another host is asked, and are not taken up again afterwards.
func (o *operation) redirect(req *http.Request, via []*http.Request) error {
	last, status := via[len(via)-1], 0
	if req.Response != nil {
		status = req.Response.StatusCode
	}
	if len(via) > mostRedirects {
		return &refusal{reason: fmt.Sprintf("the service redirected more than %d times", mostRedirects), status: status}
	}
	if status != http.StatusSeeOther && req.Method != last.Method {
		return &refusal{
			reason: fmt.Sprintf("the service answered %d and names %s instead: a %s is not sent there by itself", status, shownAddress(req.URL), last.Method),
			status: status,
		}
	}
	if err := o.fence().admits(req.URL); err != nil {
		return &refusal{reason: "the service redirected: " + err.Error(), status: status}
	}
	// The address before may hold a key.
	req.Header.Del("Referer")
	if slices.ContainsFunc(slices.Concat(via[1:], []*http.Request{req}), func(r *http.Request) bool { return !sameOrigin(r.URL, via[0].URL) }) {
		o.dropCredentials(req)
	}
	return nil
}

func (o *operation) dropCredentials(req *http.Request) {
	for name := range req.Header {
		if isCredential(name) {
			req.Header.Del(name)
		}
	}
	if o.Connection != nil && o.Connection.Auth != nil && o.Connection.Auth.Header != "" {
		req.Header.Del(o.Connection.Auth.Header)
	}
	for name, texts := range req.Header {
		if slices.ContainsFunc(texts, func(text string) bool { return slices.Contains(o.secrets, text) }) {
			req.Header.Del(name)
		}
	}
}

// network holds the pools of connections that are kept alive.
type network struct {
	open    http.RoundTripper
	guarded http.RoundTripper // refuses addresses that are not public
}

func newNetwork(roots *x509.CertPool) network {
	pool := func(d *net.Dialer, proxy func(*http.Request) (*url.URL, error)) http.RoundTripper {
		return &http.Transport{
			Proxy:                 proxy,
			DialContext:           d.DialContext,
			TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:     true,
			MaxIdleConns:          256,
			MaxIdleConnsPerHost:   32,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   10 * time.Second,
			ExpectContinueTimeout: time.Second,
		}
	}
	const patient = 10 * time.Second
	return network{
		open: pool(&net.Dialer{Timeout: patient, KeepAlive: 30 * time.Second}, http.ProxyFromEnvironment),
		// A proxy would resolve the name itself, behind the back of the guard.
		guarded: pool(&net.Dialer{Timeout: patient, KeepAlive: 30 * time.Second, Control: onlyPublic}, nil),
	}
}

// roundTripper returns the way to the service.
func (o *operation) roundTripper() http.RoundTripper {
	if o.opt.Transport != nil {
		if t := o.opt.Transport(o.Action.Connector); t != nil {
			return t
		}
	}
	fence := o.fence()
	if !fence.anywhere() || o.opt.AllowPrivate {
		return o.network.open
	}
	if o.Connection == nil || o.Connection.BaseURL == "" {
		return o.network.guarded
	}
	return byOrigin{trusted: fence.base, network: o.network}
}

// byOrigin guards every host but the one the operator named.
type byOrigin struct {
	trusted *url.URL
	network network
}

// RoundTrip sends the request by the way that its host deserves.
func (b byOrigin) RoundTrip(req *http.Request) (*http.Response, error) {
	if b.trusted != nil && sameOrigin(b.trusted, req.URL) {
		return b.network.open.RoundTrip(req)
	}
	return b.network.guarded.RoundTrip(req)
}

// onlyPublic refuses to connect to an address that is not public. It sees the
// address a name was resolved to, so that no name can hide it.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	if where := notPublic(ip); where != "" {
		return &refusal{reason: fmt.Sprintf("the address leads to %s, which is %s; only the operator can allow that", ip, where)}
	}
	return nil
}

// notPublic names the kind of an address that lies on this machine or on a
// network that is not the public one; "" for a public address.
func notPublic(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	switch {
	case ip.IsLoopback() || ip.IsUnspecified():
		return "this machine"
	case ip.IsPrivate():
		return "on a private network"
	case ip.IsLinkLocalUnicast():
		return "on the local link, where clouds keep their credentials"
	case ip.IsMulticast():
		return "a multicast address"
	}
	for _, special := range specialNetworks() {
		if special.Contains(ip) {
			return "reserved for special use"
		}
	}
	if inner, ok := embedded(ip); ok {
		return notPublic(inner)
	}
	return ""
}

func specialNetworks() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),        // this network
		netip.MustParsePrefix("100.64.0.0/10"),    // shared by carriers (CGNAT)
		netip.MustParsePrefix("168.63.129.16/32"), // metadata of Azure
		netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments, metadata of Oracle
		netip.MustParsePrefix("192.0.2.0/24"),     // documentation
		netip.MustParsePrefix("192.88.99.0/24"),   // 6to4 relays
		netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
		netip.MustParsePrefix("198.51.100.0/24"),  // documentation
		netip.MustParsePrefix("203.0.113.0/24"),   // documentation
		netip.MustParsePrefix("240.0.0.0/4"),      // reserved, broadcast
		netip.MustParsePrefix("64:ff9b:1::/48"),   // local translation
		netip.MustParsePrefix("100::/64"),         // discard
		netip.MustParsePrefix("2001::/23"),        // protocol assignments, Teredo
		netip.MustParsePrefix("2001:db8::/32"),    // documentation
		netip.MustParsePrefix("fec0::/10"),        // site-local
	}
}

// embedded returns the IPv4 address inside an IPv6 address that is translated.
func embedded(ip netip.Addr) (netip.Addr, bool) {
	b := ip.As16()
	switch {
	case !ip.Is6():
		return netip.Addr{}, false
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip), netip.MustParsePrefix("::/96").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}
