/** As text: it is parsed where the engine is made, as a service would. */
export const POLICY = `{
  "version": 1,
  "limits": {
    "reads": { "algorithm": "fixed-window", "quota": 5, "window": "1m", "per": "apiKey" },
    "writes": { "algorithm": "token-bucket", "quota": 60, "window": "1m", "burst": 3, "per": "apiKey" },
    "tokens": { "algorithm": "sliding-window", "window": "1m", "unit": "tokens", "per": "account" },
    "calls": { "algorithm": "concurrency", "quota": 2, "per": "account", "lease": "30s" }
  },
  "groups": {
    "read": { "match": ["GET /v1/**"], "limits": ["reads"] },
    "complete": { "match": ["POST /v1/models/:model/complete"], "limits": ["writes", "tokens"] },
    "call": { "limits": ["calls"], "queue": { "size": 2, "timeout": "10s" } },
    "incoming": { "limits": ["calls"] }
  },
  "tiers": { "free": { "tokens": 100 }, "pro": { "tokens": 10000, "calls": 4 } },
  "defaultTier": "free",
  "unmatched": "deny",
  "denial": { "status": 429, "body": { "error": "limited", "retry_after": "{retryAfter}" } }
}`;

/** An instant at which windows of a minute begin. */
export const START = 1_700_000_040_000;
