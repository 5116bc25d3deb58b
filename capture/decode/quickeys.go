package decode

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// initialKeys are the keys of a client's Initials (RFC 9001 §5.2). Whoever sees the connection id can derive them.
type initialKeys struct {
	aead cipher.AEAD
	hp   cipher.Block // header protection
	iv   [12]byte
}

// deriveInitial derives the keys of a client whose first Initial went to the connection id dcid.
func deriveInitial(salt, label string, dcid []byte) (k initialKeys, err error) {
	secret, err := hkdf.Extract(sha256.New, dcid, []byte(salt))
	if err != nil {
		return k, err
	}
	client, err := expandLabel(secret, "client in", sha256.Size)
	if err != nil {
		return k, err
	}
	key, err := expandLabel(client, label+"key", 16)
	if err != nil {
		return k, err
	}
	iv, err := expandLabel(client, label+"iv", len(k.iv))
	if err != nil {
		return k, err
	}
	hp, err := expandLabel(client, label+"hp", 16)
	if err != nil {
		return k, err
	}
	copy(k.iv[:], iv)
	if k.hp, err = aes.NewCipher(hp); err != nil {
		return k, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return k, err
	}
	k.aead, err = cipher.NewGCM(block)
	return k, err
}

// expandLabel is HKDF-Expand-Label of RFC 8446 §7.1 with an empty context.
func expandLabel(secret []byte, label string, n int) ([]byte, error) {
	const prefix = "tls13 "
	info := make([]byte, 0, 32)
	info = binary.BigEndian.AppendUint16(info, uint16(n))
	info = append(info, byte(len(prefix)+len(label)))
	info = append(info, prefix...)
	info = append(info, label...)
	info = append(info, 0)
	return hkdf.Expand(sha256.New, secret, string(info), n)
}

// open takes the protection off the Initial packet b, whose packet number is at pn (RFC 9001 §5.4). It returns the frames
// in it, nil if these are not its keys. The frames are in buf, which must be longer than b; b stays as it is.
func (k *initialKeys) open(buf, b []byte, pn int) []byte {
	const sample = 16
	if len(b) < pn+4+sample || len(b) > len(buf) {
		return nil
	}
	var mask [sample]byte
	k.hp.Encrypt(mask[:], b[pn+4:pn+4+sample])
	size := int((b[0]^mask[0])&3) + 1
	head, sealed := buf[:pn+size], b[pn+size:]
	copy(head, b)
	head[0] ^= mask[0] & 0x0f
	nonce := k.iv
	for i := range size {
		head[pn+i] ^= mask[1+i]
		nonce[len(nonce)-size+i] ^= head[pn+i]
	}
	frames, err := k.aead.Open(buf[len(head):len(head)], nonce[:], sealed, head)
	if err != nil {
		return nil
	}
	return frames
}
