package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"patchbay/connectors"
	"patchbay/engine/catalog"
	"patchbay/engine/console"
	"patchbay/engine/program"
	"patchbay/engine/sandbox"
)

func newSandbox(a *app) *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Play the services as servers of their own",
		Long: `Serves every connector as the service it stands for, played from the connector's own file, until it is stopped: for
other programs, or for a connection with a base_url that points here. Flows need it not: --sandbox plays the services
inside the command. What is written to a played service is forgotten at the end.`,
		Example: `  patchbay sandbox
  patchbay sandbox --listen 127.0.0.1:9400
  curl http://127.0.0.1:9400/            what is played, and how to steer it
  patchbay sandbox send qwilr.page_accepted --event accepted.json`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.playServices(cmd.Context(), listen)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:9400", "the `address` to listen on")
	c.AddCommand(newSandboxSend(a))
	return c
}

// playServices serves the sandbox until ctx ends.
func (a *app) playServices(ctx context.Context, address string) error {
	if _, err := a.workspace(); err != nil {
		return err
	}
	logger, err := a.logger(slog.LevelWarn)
	if err != nil {
		return err
	}
	live := catalog.New(catalog.Options{
		Dir: a.dir, Workspace: os.DirFS(a.dir), Builtin: connectors.Files, Sandbox: true,
		Store: &memory{definitions: map[string][]byte{}}, Logger: logger,
	})
	if _, err := live.Load(ctx); err != nil {
		return err
	}
	services := func() []*program.Connector {
		set := live.Set()
		var out []*program.Connector
		for _, id := range slices.Sorted(maps.Keys(set.Connectors)) {
			out = append(out, set.Connectors[id])
		}
		return out
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return failuref("choose another address with --listen", "%v", err)
	}
	server := &http.Server{
		Handler:           sandbox.New(sandbox.Options{Connectors: services, Logger: logger}).Handler(),
		ReadHeaderTimeout: 10 * time.Second,
	}
	base := "http://" + reachable(listener.Addr().String())
	for _, k := range services() {
		fmt.Fprintf(a.Stdout, "%s  %s%s\n", k.ID, base, sandbox.APIPath(k))
	}
	fmt.Fprintf(a.Stdout, "\nwhat is played, and how to steer it: %s/\n", base)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return live.Run(ctx) })
	g.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the sandbox: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	return g.Wait()
}

// memory is a store of definitions that forgets them with the process.
type memory struct {
	mu          sync.Mutex
	definitions map[string][]byte
}

// SaveDefinition keeps data under its hash.
func (m *memory) SaveDefinition(_ context.Context, hash string, data []byte, _ string, _ bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.definitions[hash] = data
	return nil
}

// Definition returns the data of that hash.
func (m *memory) Definition(_ context.Context, hash string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.definitions[hash]
	if !ok {
		return nil, fmt.Errorf("definition %s: %w", hash, fs.ErrNotExist)
	}
	return data, nil
}

// Published returns nothing: no flow outlives the process.
func (m *memory) Published(context.Context) (map[string]string, error) { return nil, nil }

// Unpublish has nothing to forget.
func (m *memory) Unpublish(context.Context, string) error { return nil }

func newSandboxSend(a *app) *cobra.Command {
	var event string
	c := &cobra.Command{
		Use:   "send TRIGGER",
		Short: "Let a played service send an event to the flows",
		Long: `Lets a played service deliver an event, signed as the service signs it, to the running "patchbay serve --sandbox".
Without --event it is the example that stands in the connector.`,
		Example: `  patchbay sandbox send qwilr.page_accepted
  patchbay sandbox send qwilr.page_accepted --event accepted.json`,
		Args:              exactly("TRIGGER", "`patchbay catalog` lists the triggers"),
		ValidArgsFunction: a.completeOperation("trigger", false),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.sandbox = true
			data, err := a.event(event)
			if err != nil {
				return err
			}
			return a.engine(cmd.Context(), func(ctx context.Context, c *client) error {
				return a.sendEvent(ctx, c, args[0], data)
			})
		},
	}
	c.Flags().StringVar(&event, "event", "", "the JSON `file` with the event as the service delivers it; - reads it from the standard input")
	return c
}

func (a *app) sendEvent(ctx context.Context, c *client, trigger string, event json.RawMessage) error {
	if !c.running {
		return failuref("start it: patchbay serve --sandbox", "nobody is there to take an event: the sandbox is not served")
	}
	request := map[string]any{"trigger": trigger}
	if event != nil {
		request["event"] = event
	}
	var sent console.SendAnswer
	if err := c.post(ctx, "/sandbox/send", request, &sent); err != nil {
		return err
	}
	if len(sent.Flows) == 0 {
		fmt.Fprintf(a.Stdout, "%s was sent, but no live flow begins with it\n", trigger)
		return nil
	}
	fmt.Fprintf(a.Stdout, "%s was sent and taken\n", trigger)
	return nil
}
