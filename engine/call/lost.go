package call

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	"patchbay/engine/value"
)

var errTooSlow = errors.New("too slow")

// lost tells why no answer came. What may have reached the service is
// unsettled; what failed before, such as a connection that was refused, is not.
func (o *operation) lost(ctx context.Context, err error, host string, arrived bool) *value.Failure {
	if u, ok := errors.AsType[*url.Error](err); ok {
		// The text of a url.Error holds the whole address, and that may hold
		// a key.
		err = u.Err
		if parsed, bad := url.Parse(u.URL); bad == nil && parsed.Host != "" {
			host = parsed.Host
		}
	}
	if refused, ok := errors.AsType[*refusal](err); ok {
		f := value.Fail(value.ClassInvalid, "%s", refused.reason)
		f.Status = refused.status
		return f
	}
	if isGarbled(err) {
		return value.Fail(value.ClassInvalid, "the answer of %s cannot be unpacked: %v", host, err)
	}
	f := value.Fail(value.ClassTransient, "%s", o.lostBecause(ctx, err, host))
	f.Unsettled = arrived && !beforeSending(err)
	return f
}

func (o *operation) lostBecause(ctx context.Context, err error, host string) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(context.Cause(ctx), errTooSlow):
		return fmt.Sprintf("no answer from %s within %s", host, o.timeout())
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Sprintf("no answer from %s before the time of the step was over", host)
	case ctx.Err() != nil:
		return fmt.Sprintf("the call to %s was interrupted", host)
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %s cannot be found: %s", dns.Name, dns.Err)
	case isTLS(err):
		return fmt.Sprintf("no secure connection to %s: %v", host, err)
	case errors.As(err, &op) && op.Op == "dial":
		return fmt.Sprintf("%s cannot be reached: %v", host, op.Err)
	default:
		return fmt.Sprintf("the connection to %s broke off: %v", host, err)
	}
}

// beforeSending reports whether an error is one that ends a call before any
// of it was sent.
func beforeSending(err error) bool {
	var op *net.OpError
	return isTLS(err) || errors.As(err, &op) && op.Op == "dial"
}

// isGarbled reports that a compressed answer is none.
func isGarbled(err error) bool {
	var corrupt flate.CorruptInputError
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt)
}

func isTLS(err error) bool {
	var (
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.As(err, &authority) || errors.As(err, &name) || errors.As(err, &invalid)
}

// bytesText writes a size the way connector files do.
func bytesText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 20, "MB"}, {1 << 10, "KB"}} {
		if n >= unit.size && n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
