package console

import (
	"io"
	"net/http"
	"strconv"
)

// BackupRequest asks for a copy of the database as it is now, POST
// /api/v1/backup. The answer is the file, of the type
// application/vnd.sqlite3.
type BackupRequest struct {
	// WithKey puts the key into the file too: whoever has the file can then
	// read every token and secret in it.
	WithKey bool `json:"with_key"`
}

func (c *Console) backup(w http.ResponseWriter, r *http.Request) {
	var req BackupRequest
	if !decode(w, r, &req) {
		return
	}
	begun := false
	err := c.opt.Backup(r.Context(), req.WithKey, func(copied io.Reader, size int64) error {
		begun = true
		w.Header().Set("Content-Type", "application/vnd.sqlite3")
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10)) // so that the reader notices if it breaks off
		_, err := io.Copy(w, copied)
		return err
	})
	switch {
	case err == nil:
	case begun:
		c.opt.Logger.Error("send a backup", "error", err)
	default:
		c.internal(w, r, err)
	}
}
