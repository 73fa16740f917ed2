package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"

	"patchbay/connectors"
	"patchbay/engine"
	"patchbay/engine/console"
	"patchbay/engine/store"
)

// client speaks to the API of an engine.
type client struct {
	base, token string
	http        *http.Client
	// running is true if the engine is that of a `serve`, which goes on after
	// the command.
	running bool
}

func newClient(base, token string) *client {
	return &client{base: base, token: token, http: &http.Client{}}
}

// engine runs use against the engine of the data folder: that of the `serve`
// which owns it, or else one that lives as long as the command.
func (a *app) engine(ctx context.Context, use func(ctx context.Context, c *client) error) error {
	if err := a.needWorkspace(); err != nil {
		return err
	}
	opt, err := a.options(slog.LevelWarn)
	if err != nil {
		return err
	}
	if opt.PublicURL == "" {
		opt.PublicURL = "http://" + defaultHooksListen // where `serve` is reached unless it is told otherwise
	}
	if opt.ConsoleURL == "" {
		opt.ConsoleURL = "http://" + defaultListen // as above
	}
	e, err := engine.Open(ctx, opt)
	var locked *store.LockedError
	switch {
	case errors.As(err, &locked):
		c, err := running(opt, locked)
		if err != nil {
			return err
		}
		return use(ctx, c)
	case err != nil:
		return err
	}
	return e.Local(ctx, func(ctx context.Context, base, token string) error {
		return use(ctx, newClient(base, token))
	})
}

// running returns a client of the `serve` that owns the data folder.
func running(opt engine.Options, locked *store.LockedError) (*client, error) {
	base, token, err := engine.ReadAPI(opt.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failuref("wait until it has ended", "another patchbay command works with the data folder %s", locked.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("find the running patchbay: %w", err)
	}
	c := newClient(base, token)
	c.running = true
	return c, nil
}

// options are what every engine is opened with.
func (a *app) options(level slog.Level) (engine.Options, error) {
	if a.publicURL != "" && !strings.HasPrefix(a.publicURL, "https://") && !strings.HasPrefix(a.publicURL, "http://") {
		return engine.Options{}, usagef("write it whole: --public-url https://hooks.example.com", "--public-url %s is no address", a.publicURL)
	}
	logger, err := a.logger(level)
	return engine.Options{
		Dir: a.dir, Data: a.dataDir(), Sandbox: a.sandbox, Builtin: connectors.Files,
		PublicURL: strings.TrimSuffix(a.publicURL, "/"), Version: version(), Env: a.Env, Logger: logger,
	}, err
}

// get fetches what is at path into answer.
func (c *client) get(ctx context.Context, path string, answer any) error {
	return c.do(ctx, http.MethodGet, path, nil, answer)
}

// post sends a request and reads its answer; answer may be nil.
func (c *client) post(ctx context.Context, path string, request, answer any) error {
	return c.do(ctx, http.MethodPost, path, request, answer)
}

func (c *client) do(ctx context.Context, method, path string, request, answer any) error {
	resp, err := c.send(ctx, method, path, request)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if answer == nil {
		return nil
	}
	if err := numbered(resp.Body).Decode(answer); err != nil {
		return fmt.Errorf("read the answer of patchbay: %w", err)
	}
	return nil
}

// send makes one request; an answer that is an error becomes one. The caller
// closes the body.
func (c *client) send(ctx context.Context, method, path string, request any) (*http.Response, error) {
	var body io.Reader
	if request != nil {
		data, err := json.Marshal(request)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return nil, fmt.Errorf("reach patchbay: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if request != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode < http.StatusBadRequest {
		return resp, nil
	}
	defer resp.Body.Close()
	var told console.Error
	if err := json.NewDecoder(resp.Body).Decode(&told); err != nil || told.Error == "" {
		return nil, fmt.Errorf("patchbay answered %s %s with status %d", method, path, resp.StatusCode)
	}
	refused := &hintedError{message: told.Error, hint: told.Hint}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity:
		return nil, &usageError{refused}
	default:
		return nil, refused
	}
}

// unreachable says why there is no answer.
func (c *client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return failuref("", "interrupted")
	}
	if c.running {
		return failuref("it may be starting or ending just now", "the running `patchbay serve` does not answer at %s: %v", c.base, err)
	}
	return fmt.Errorf("reach patchbay: %w", err)
}

// numbered returns a decoder that keeps numbers as they are written.
func numbered(r io.Reader) *json.Decoder {
	d := json.NewDecoder(r)
	d.UseNumber()
	return d
}
