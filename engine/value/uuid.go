package value

import (
	"crypto/sha256"
	"encoding/hex"
)

// UUID returns the UUID of a seed: the same for the same seed, another for any
// other one. It has the form of version 4, the one some vendors insist on.
func UUID(seed string) string {
	sum := sha256.Sum256([]byte(seed))
	sum[6] = sum[6]&0x0f | 0x40
	sum[8] = sum[8]&0x3f | 0x80
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
