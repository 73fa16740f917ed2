package console

import "net/http"

// routes is the table of the API.
func (c *Console) routes(api *http.ServeMux) {
	api.HandleFunc("GET /api/v1/status", c.status)
	api.HandleFunc("GET /api/v1/findings", c.findings)
	api.HandleFunc("POST /api/v1/check", c.check)
	api.HandleFunc("POST /api/v1/plan", c.plan)
	api.HandleFunc("GET /api/v1/flows", c.flows)
	api.HandleFunc("GET /api/v1/flows/{id}", c.flow)
	api.HandleFunc("POST /api/v1/flows/{id}/runs", c.start)
	api.HandleFunc("GET /api/v1/runs", c.runs)
	api.HandleFunc("GET /api/v1/runs/{id}", c.run)
	api.HandleFunc("GET /api/v1/runs/{id}/events", c.events)
	api.HandleFunc("POST /api/v1/runs/{id}/cancel", c.cancel)
	api.HandleFunc("POST /api/v1/runs/{id}/answer", c.settle)
	api.HandleFunc("POST /api/v1/runs/{id}/check", c.checkWrite)
	api.HandleFunc("POST /api/v1/runs/{id}/approve", c.approve)
	api.HandleFunc("POST /api/v1/runs/{id}/retry", c.retry)
	api.HandleFunc("POST /api/v1/runs/{id}/dismiss", c.dismiss)
	api.HandleFunc("POST /api/v1/replays", c.replay)
	api.HandleFunc("POST /api/v1/replays/close", c.closeReplay)
	api.HandleFunc("GET /api/v1/inbox", c.inbox)
	api.HandleFunc("GET /api/v1/operations", c.operations)
	api.HandleFunc("POST /api/v1/call", c.call)
	api.HandleFunc("GET /api/v1/connections", c.connections)
	api.HandleFunc("GET /api/v1/connections/{name}/members", c.members)
	api.HandleFunc("POST /api/v1/connections/{name}/members/list", c.listMembers)
	api.HandleFunc("POST /api/v1/connections/{name}/connect", c.connect)
	api.HandleFunc("POST /api/v1/connections/{name}/test", c.testConnection)
	api.HandleFunc("POST /api/v1/connect/finish", c.finishConnect)
	api.HandleFunc("GET /api/v1/secrets", c.secrets)
	api.HandleFunc("PUT /api/v1/secrets/{name}", c.setSecret)
	api.HandleFunc("DELETE /api/v1/secrets/{name}", c.removeSecret)
	api.HandleFunc("GET /api/v1/scopes", c.scopes)
	api.HandleFunc("GET /api/v1/tables", c.tables)
	api.HandleFunc("GET /api/v1/tables/{name}", c.table)
	api.HandleFunc("GET /api/v1/addresses", c.addresses)
	api.HandleFunc("GET /api/v1/triggers", c.triggers)
	api.HandleFunc("GET /api/v1/subscriptions", c.subscriptions)
	api.HandleFunc("POST /api/v1/flows/{id}/triggers/{trigger}/look", c.look)
	api.HandleFunc("POST /api/v1/flows/{id}/triggers/{trigger}/backfill", c.backfill)
	api.HandleFunc("GET /api/v1/rejections", c.rejections)
	api.HandleFunc("POST /api/v1/sandbox/send", c.send)
	api.HandleFunc("POST /api/v1/backup", c.backup)
	api.HandleFunc("POST /api/v1/doctor", c.doctor)
	api.HandleFunc("POST /api/v1/rename", c.rename)
	api.HandleFunc("/api/v1/", func(w http.ResponseWriter, r *http.Request) { notHere(api, w, r) })
}

// notHere answers for an address or a method that the table does not have.
func notHere(api *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := api.Handler(other); pattern != "/api/v1/" {
			w.Header().Set("Allow", method)
			fail(w, http.StatusMethodNotAllowed, r.Method+" means nothing at this address", "it takes "+method)
			return
		}
	}
	fail(w, http.StatusNotFound, "there is nothing at this address", "")
}
