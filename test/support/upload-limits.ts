/** Small, so that tests meet them. */
export const UPLOAD_LIMITS = { maxBytes: 4 << 20, maxOpen: 5, ttlSeconds: 3600 };
