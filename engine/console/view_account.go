package console

// ConnectAnswer begins a sign-in, POST /api/v1/connections/{name}/connect with
// the body {}: open URL in a browser. The service sends the browser back to
// Callback; if that cannot be reached, paste the address into a FinishRequest.
type ConnectAnswer struct {
	URL      string `json:"url"`
	Callback string `json:"callback"`
}

// FinishRequest ends a sign-in by hand, POST /api/v1/connect/finish.
type FinishRequest struct {
	URL string `json:"url"` // to which the service sent the browser back
}

// FinishAnswer names the connection that is connected now.
type FinishAnswer struct {
	Connection string `json:"connection"`
}

// SecretRequest seals a secret, PUT /api/v1/secrets/{name}. Nothing shows it
// again: GET /api/v1/secrets answers the names alone, sorted.
type SecretRequest struct {
	Value string `json:"value"`
}

// SecretAnswer names the secret that was set, or removed by DELETE
// /api/v1/secrets/{name}.
type SecretAnswer struct {
	Secret string `json:"secret"`
}
