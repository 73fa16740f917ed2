package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"patchbay/engine"
	"patchbay/engine/catalog"
	"patchbay/engine/console"
	"patchbay/engine/diag"
	"patchbay/engine/store"
)

const (
	defaultListen      = "127.0.0.1:9320"
	defaultHooksListen = "127.0.0.1:9321"
	defaultWorkers     = 256
)

// serveFlags are the flags of `serve`.
type serveFlags struct {
	listen, hooksListen, consoleURL string
	allowPrivate                    bool
	workers                         int
	keep                            keepFlags
}

func newServe(a *app) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the flows, and the console",
		Long: `Runs the flows until it is stopped: webhooks, schedules and polls start them, and what was under way goes on. Files
take effect as soon as they are saved; a file with errors leaves its last good version live. The console, a page in the
browser, is at the address that is printed.

There are two listeners: --listen for people (console and API), --hooks-listen for services (webhooks, the end of a
sign-in). Only the second one should be reachable from outside, under the address --public-url. With that address,
services that take subscriptions by calls are told it, for the events the flows wait for ("patchbay triggers").

At most --workers runs are worked on at the same time; those that wait for something are not among them. Flows get their
turn one after the other, and within a flow the accounts, and a flow leaves some workers free for the others.

The history is kept within the limits of the --keep flags: at the start and every hour the oldest runs that have ended
are removed, and the disk gets their space back. Runs that have not ended stay, and an event whose run was removed still
counts as seen. A limit of 0 keeps any number. What a flow says itself in "keep" counts for it instead.`,
		Example: `  patchbay serve
  patchbay serve --sandbox
  patchbay serve --hooks-listen 0.0.0.0:9321 --public-url https://hooks.example.com`,
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.serve(cmd.Context(), f)
		},
	}
	c.Flags().StringVar(&f.listen, "listen", defaultListen, "the `address` for people: console and API")
	c.Flags().StringVar(&f.hooksListen, "hooks-listen", defaultHooksListen, "the `address` for services: webhooks and sign-in")
	a.publicFlag(c)
	c.Flags().StringVar(&f.consoleURL, "console-url", "", "the `URL` under which people reach --listen, for the links in messages")
	c.Flags().BoolVar(&f.allowPrivate, "allow-private", false, "let http.* actions reach this machine and private networks")
	c.Flags().IntVar(&f.workers, "workers", defaultWorkers, "how many runs are worked on at the same time")
	f.keep.add(c)
	a.sandboxFlag(c)
	return c
}

func (a *app) serve(ctx context.Context, f serveFlags) error {
	if err := a.needWorkspace(); err != nil {
		return err
	}
	opt, err := a.options(slog.LevelInfo)
	if err != nil {
		return err
	}
	if opt.Keep, err = f.keep.read(); err != nil {
		return err
	}
	if f.workers < 1 {
		return usagef("write --workers 1 or more", "--workers cannot be %d", f.workers)
	}
	opt.Workers = f.workers
	opt.Listen, opt.HooksListen, opt.AllowPrivate = f.listen, f.hooksListen, f.allowPrivate
	if f.consoleURL != "" && !strings.HasPrefix(f.consoleURL, "https://") && !strings.HasPrefix(f.consoleURL, "http://") {
		return usagef("write it whole: --console-url https://patchbay.example.com", "--console-url %s is no address", f.consoleURL)
	}
	opt.ConsoleURL = strings.TrimSuffix(f.consoleURL, "/")
	says := newBulletin(a.Stdout)
	opt.Reloaded, opt.Ended = says.reloaded, says.ended
	e, err := engine.Open(ctx, opt)
	var locked *store.LockedError
	if errors.As(err, &locked) {
		return failuref("the commands of this workspace find it by themselves; to serve twice, give another --data",
			"another patchbay serves the data folder %s", locked.Dir)
	}
	if err != nil {
		return err
	}
	err = e.Serve(ctx, func(people, vendors, token string) {
		says.begin(func(live *catalog.Live) { a.welcome(ctx, opt, live, reach{people, vendors, token}) })
	})
	says.end()
	if errors.Is(err, syscall.EADDRINUSE) {
		return failuref("something else listens there; choose others with --listen and --hooks-listen", "%v", err)
	}
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		return usagef("an address is written with its host and port: "+defaultListen, "%v", err)
	}
	if err == nil {
		fmt.Fprintln(a.Stdout, "stopped; what was under way goes on with the next `patchbay serve`")
	}
	return err
}

// publicFlag adds --public-url to a command.
func (a *app) publicFlag(c *cobra.Command) {
	c.Flags().StringVar(&a.publicURL, "public-url", "", "the `URL` under which services reach --hooks-listen of serve")
}

// reach is where a serve is reached.
type reach struct{ people, vendors, token string }

// welcome says what is live and where everything is.
func (a *app) welcome(ctx context.Context, opt engine.Options, live *catalog.Live, at reach) {
	base := "http://" + reachable(at.people)
	c := newClient(base, at.token)
	var flows []console.Flow
	var addresses []console.Address
	if err := errors.Join(c.get(ctx, "/flows", &flows), c.get(ctx, "/addresses", &addresses)); err != nil {
		fmt.Fprintf(a.Stderr, "patchbay: %v\n", err)
		return
	}
	played := ""
	if opt.Sandbox {
		played = ", every service is only played"
	}
	fmt.Fprintf(a.Stdout, "%s live from %s%s\n", count(len(flows), "flow"), a.dir, played)
	g := grid(a.Stdout)
	for _, f := range flows {
		row(g, "  "+f.ID, starts(f), f.Name)
	}
	_ = g.Flush() // the writer of a person at a console; there is nobody else to tell
	if live != nil && len(live.Findings) > 0 {
		fmt.Fprintln(a.Stdout)
		_ = diag.Print(a.Stdout, live.Findings, live.Source) // as above
	}
	fmt.Fprintf(a.Stdout, "\nconsole   %s/?token=%s\n", base, at.token)
	addresses = slices.DeleteFunc(addresses, func(h console.Address) bool { return len(h.Triggers) == 0 })
	if len(addresses) == 0 {
		fmt.Fprintf(a.Stdout, "webhooks  http://%s (no flow waits for one)\n\n", reachable(at.vendors))
		return
	}
	g = grid(a.Stdout)
	several := severalOwn(addresses)
	for _, h := range addresses {
		row(g, "webhooks  "+h.URL, "for "+waitingAt(h, several))
	}
	_ = g.Flush() // as above
	fmt.Fprintln(a.Stdout)
}

// waitingAt returns who waits at an address, for triggers that are named
// "flow/trigger id": the flows and, where a flow has several addresses of its
// own, the trigger that this one belongs to.
func waitingAt(h console.Address, several map[string]bool) string {
	var names []string
	for _, t := range h.Triggers {
		flow, id, _ := strings.Cut(t, "/")
		if h.Connector == "" && several[flow] {
			flow += ", trigger " + id
		}
		names = append(names, flow)
	}
	return strings.Join(slices.Compact(names), ", ")
}

// severalOwn returns the flows that have more than one webhook of their own.
func severalOwn(addresses []console.Address) map[string]bool {
	seen, several := map[string]bool{}, map[string]bool{}
	for _, h := range addresses {
		for _, t := range h.Triggers {
			flow, _, _ := strings.Cut(t, "/")
			if h.Connector == "" {
				several[flow] = seen[flow]
				seen[flow] = true
			}
		}
	}
	return several
}

// starts says what starts a flow.
func starts(f console.Flow) string {
	if !f.Enabled {
		return "not enabled"
	}
	var words []string
	for _, t := range f.Triggers {
		word := strings.ReplaceAll(t.Kind, "_", " ")
		if t.Trigger != "" {
			word = t.Trigger
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// reachable returns an address listened on as one that can be opened.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
