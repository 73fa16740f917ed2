package contract_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"patchbay/engine/contract"
)

func TestReadScopes(t *testing.T) {
	const table = `# Scopes

| Scope               | API Endpoints                         | Access |
| ------------------- | ------------------------------------- | ------ |
| orders.readonly     | GET /orders                           | Shop   |
| &nbsp;              | GET /orders/:orderId/notes/           | Shop   |
| **orders/notes.write** | ` + "`POST /orders/{id}/notes?draft=1`" + ` | Shop |
|                     | DELETE /orders/:id/notes/:noteId      |        |
| profile             | GET /me                               |        |
| orders.write        | GET /orders                           | Shop   |

| any of them         | GET /any                              |        |

GET /elsewhere
| &nbsp;              | GET /after                            |        |
`
	want := contract.Scopes{
		"GET /orders":                "orders.readonly",
		"GET /orders/{}/notes":       "orders.readonly",
		"POST /orders/{}/notes":      "orders/notes.write",
		"DELETE /orders/{}/notes/{}": "orders/notes.write",
		"GET /me":                    "profile",
	}
	if diff := cmp.Diff(want, contract.ReadScopes([]byte(table))); diff != "" {
		t.Errorf("ReadScopes (-want +got):\n%s", diff)
	}
}
