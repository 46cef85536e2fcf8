//! AK/SK signatures (SDK-HMAC-SHA256): the canonical form of a request, made by the client and made again by the server.
