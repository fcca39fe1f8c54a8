/* Receive Puck's webhooks, in C: verified, parsed, deduplicated.
 *
 * This header is the only ABI that the library promises.
 *
 * Make a store and a receiver once. Then, for each request and from any thread: puck_receiver_receive, handle the
 * event, puck_delivery_commit, puck_delivery_free, and answer Puck with puck_reason_http_status of the result.
 * tests/examples/receive.c shows it. If your own database remembers the events, puck_verifier_verify is enough.
 *
 * Conventions
 *
 *   Results.    Every int32_t result is one of the reasons below. PUCK_OK is 0: yes. Positive: the answer is no.
 *               Negative: it could not be decided, and so nothing is accepted. Only PUCK_OK accepts. Besides those that
 *               are listed, any call may return PUCK_INTERNAL.
 *   Names.      A function's prefix is the noun that it acts on.
 *   Arguments.  The object first, then what is read, then what is written. Out-parameters are set on every path: on
 *               failure pointers to NULL, and structs to zero except for their struct_size and what is known. A zeroed
 *               struct never reads as accepted. Only a struct whose struct_size is wrong is not touched at all: the
 *               result is PUCK_INVALID_ARGUMENT.
 *   Details.    `detail`, where there is one, is a sentence that says what is wrong and what to do; "" after PUCK_OK.
 *   Bytes.      Always pointer and size; no terminator is read. A pointer may be NULL only if its size is 0, or where
 *               "or NULL" is said. Any other NULL is PUCK_INVALID_ARGUMENT. Arguments are borrowed for the call, and
 *               must not change during it: if the body is in memory that others can write meanwhile, such as shared
 *               memory, pass a copy. Strings that come back as `const char *` are zero-terminated, static, in plain
 *               ASCII, and never freed; puck_bytes that come back are not terminated.
 *   Ownership.  What a call has made is freed with the `_free` of its type, which takes NULL. A store may be freed
 *               before the receivers and deliveries that use it: they keep it alive.
 *   Structs.    Those with a struct_size begin with it; start them from their _INIT. They hold fixed-width types and
 *               pointers, and later versions add only at the end. An older caller's smaller struct goes on working; a
 *               newer caller's larger one is accepted if the part that this library does not know is zero.
 *   Threads.    Verifiers, stores, receivers and events may be used by any number of threads at once; a delivery by
 *               one at a time. Nothing may be used after or while it is freed.
 *   Fork.       A child must not use stores, receivers and deliveries that were made before the fork: two processes
 *               would each remember for themselves, and a lock may be held. Make them in the child.
 *   Time.       `received_at` is in whole Unix seconds: time(NULL), or for a delivery that waited in a queue the time
 *               at which it was received. A signature counts for the tolerance, 300 s unless set otherwise, either way.
 *               A time in milliseconds is PUCK_INVALID_ARGUMENT.
 *   Secrets.    As Puck handed them out: whsec_ and at least 10 more characters, at most 4096 in all, printable ASCII
 *               without quotes, comma, semicolon, backslash, $, { and }, and without a second whsec_. Anything else is
 *               refused with a sentence for each usual mistake. They are keyed into OpenSSL, and wiped when their last
 *               user is freed. No message, struct or log of this library shows one.
 */
#ifndef PUCK_WEBHOOKS_H
#define PUCK_WEBHOOKS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define PUCK_API __attribute__((visibility("default")))
#else
#define PUCK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Reasons. The numbers are never changed and never used again. ---------------------------------------------------- */

enum puck_reason {
    PUCK_OK = 0,

    PUCK_MISSING_SIGNATURE = 101,   /* no X-Puck-Signature, or it is empty */
    PUCK_MALFORMED_SIGNATURE = 102, /* the header breaks its grammar, or there are two of them */
    PUCK_UNSUPPORTED_SCHEME = 103,  /* well-formed, but without a v1 */
    PUCK_SIGNATURE_MISMATCH = 104,  /* no secret matches any v1 */
    PUCK_TIMESTAMP_TOO_OLD = 105,   /* authentic, but signed more than the tolerance ago */
    PUCK_TIMESTAMP_TOO_NEW = 106,   /* authentic, but signed more than the tolerance ahead of our clock */

    PUCK_PAYLOAD_TOO_LARGE = 201,       /* the body is longer than the limit; nothing was hashed */
    PUCK_INVALID_JSON = 202,            /* not one RFC 8259 object in UTF-8, or nested deeper than 1024 */
    PUCK_DUPLICATE_KEY = 203,           /* a top-level key occurs twice */
    PUCK_MISSING_FIELD = 204,           /* one of the five fields is absent */
    PUCK_WRONG_TYPE = 205,              /* a field has another JSON type */
    PUCK_INVALID_EVENT_ID = 206,        /* not a UUID, or the nil or max UUID */
    PUCK_INVALID_EVENT_TYPE = 207,      /* not 1 to 128 bytes of A-Z a-z 0-9 _ . - */
    PUCK_INVALID_EMITTED_AT = 208,      /* not an RFC 3339 date-time with a zone */
    PUCK_UNSUPPORTED_API_VERSION = 209, /* anything but v1 */
    PUCK_HEADER_MISMATCH = 210,         /* an unsigned header contradicts the signed envelope */

    PUCK_DUPLICATE = 301,   /* this event was already handled: Puck may stop */
    PUCK_IN_PROGRESS = 302, /* another worker holds this event */

    PUCK_INVALID_ARGUMENT = -1,  /* the caller's mistake */
    PUCK_OUT_OF_MEMORY = -2,     /* an allocation failed */
    PUCK_CRYPTO_FAILURE = -3,    /* OpenSSL refused */
    PUCK_STORE_UNAVAILABLE = -4, /* the dedupe store did not answer */
    PUCK_STORE_FULL = -5,        /* every slot is held by a delivery in progress */
    PUCK_CLAIM_LOST = -6,        /* commit or release came after the lease passed to another worker */
    PUCK_INTERNAL = -99          /* a defect in this library */
};

/* The reason's name, "timestamp_too_old", the same in every language. An unknown number reads as "internal". */
PUCK_API const char* puck_reason_name(int32_t reason);

/* One sentence for a person: what is wrong, and what to do. */
PUCK_API const char* puck_reason_message(int32_t reason);

/* The HTTP status to answer Puck with. It decides whether the event survives: after a 4xx Puck never comes again. */
PUCK_API int32_t puck_reason_http_status(int32_t reason);

/* 1 if Puck's next attempt may succeed, else 0. */
PUCK_API int32_t puck_reason_retryable(int32_t reason);

/* The library's version, "major.minor.patch". */
PUCK_API const char* puck_version(void);

/* Bytes, headers, verdicts ----------------------------------------------------------------------------------------- */

/* Borrowed bytes. This struct and the next one never change. */
typedef struct puck_bytes {
    const void* data;
    uint64_t size;
} puck_bytes;

/* One line of a request's header. Names are compared without regard to case. */
typedef struct puck_header {
    puck_bytes name;
    puck_bytes value;
} puck_header;

enum puck_severity {
    PUCK_SEVERITY_NONE = 0,
    PUCK_SEVERITY_LOW = 1,
    PUCK_SEVERITY_MEDIUM = 2,
    PUCK_SEVERITY_HIGH = 3,
    PUCK_SEVERITY_CRITICAL = 4
};

/* The answer to one request, and what was known of it by then: for your log. It owns its texts, but for the static
 * reason and detail, and is filled on every path, also when an argument is wrong. */
typedef struct puck_verdict {
    uint64_t struct_size;
    const char* reason;             /* puck_reason_name of the result; "ok" only if it was accepted */
    const char* detail;             /* a sentence: what is wrong, and what to do; "" if it was accepted */
    int64_t timestamp;              /* Unix seconds at which Puck signed; only if authentic */
    int64_t skew_seconds;           /* received_at - timestamp; only if authentic */
    int64_t emitted_at_seconds;     /* as in puck_event_fields; only if there is an event */
    int32_t emitted_at_nanoseconds; /* as in puck_event_fields; only if there is an event */
    int32_t http_status;            /* puck_reason_http_status of the result */
    int32_t retryable;              /* puck_reason_retryable of the result */
    int32_t is_authentic;           /* 1 once a secret has matched; that alone does not mean that it was accepted */
    int32_t secret_index;           /* which of the secrets matched, from 0; only if authentic */
    int32_t has_event;              /* 1 once the envelope was parsed */
    int32_t severity;               /* an enum puck_severity; only if there is an event */
    char secret_fingerprint[16];    /* what may be shown of that secret: 8 hex digits; "" if not authentic */
    char event_id[40];              /* 36 characters, lower case; "" without an event */
    char event_type[132];           /* 1 to 128 characters; "" without an event */
    char api_version[8];            /* "v1"; "" without an event */
} puck_verdict;
#define PUCK_VERDICT_INIT {sizeof(puck_verdict), NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "", "", "", ""}

/* Signing: for tests and tools, since deliveries are signed by Puck ------------------------------------------------ */

/* Room for the longest signature header and its terminator. */
#define PUCK_SIGNATURE_SIZE 1104

/* Makes the value of X-Puck-Signature, with one v1 for each secret.
 * Returns: PUCK_OK; PUCK_INVALID_ARGUMENT (a secret that puck_verifier_new would refuse, a timestamp outside of 0 to
 *          999999999999, too little room), PUCK_OUT_OF_MEMORY or PUCK_CRYPTO_FAILURE.
 * In:      secrets, secret_count: 1 to 16 of them
 *          body, body_size:       the raw body
 *          timestamp:             Unix seconds
 * Out:     signature:             a zero-terminated string in signature_size bytes; PUCK_SIGNATURE_SIZE is enough
 *          detail:                a sentence: what is wrong, and with what; or NULL */
PUCK_API int32_t puck_sign(const puck_bytes* secrets, size_t secret_count, const void* body, size_t body_size,
                           int64_t timestamp, char* signature, size_t signature_size, const char** detail);

/* Verifying -------------------------------------------------------------------------------------------------------- */

typedef struct puck_verifier puck_verifier;
typedef struct puck_event puck_event;

typedef struct puck_verifier_settings {
    uint64_t struct_size;
    int64_t tolerance; /* seconds between signing and arrival, either way: 1 to 86400 */
    uint64_t max_body; /* bytes: 1 to 1073741824 */
} puck_verifier_settings;
#define PUCK_VERIFIER_SETTINGS_INIT {sizeof(puck_verifier_settings), 300, 1048576}

/* Makes a verifier. Nothing turns its window off.
 * Returns: PUCK_OK, PUCK_INVALID_ARGUMENT, PUCK_OUT_OF_MEMORY or PUCK_CRYPTO_FAILURE.
 * In:      secrets, secret_count: 1 to 16 of them: the current one, and those that are being rotated out
 *          settings:              or NULL for the _INIT
 * Out:     verifier:              to be freed with puck_verifier_free
 *          detail:                a sentence: what is wrong, and with what; or NULL */
PUCK_API int32_t puck_verifier_new(const puck_bytes* secrets, size_t secret_count,
                                   const puck_verifier_settings* settings, puck_verifier** verifier,
                                   const char** detail);
PUCK_API void puck_verifier_free(puck_verifier* verifier);

/* Judges one request, in this order, and stops at the first no:
 *
 *     size -> signature header -> HMAC -> window -> envelope -> unsigned headers
 *
 * Nothing is remembered: a replay within the window passes again. X-Puck-Signature may occur once; X-Puck-Event-Id and
 * X-Puck-Event-Type may be absent or empty, and otherwise must say what the envelope says.
 * Returns: PUCK_OK, or a reason from 101 to 106, 201 to 210, -1, -2 or -3.
 * In:      headers, header_count: all headers of the request, those that occur twice included
 *          body, body_size:       the raw bytes from the wire, not parsed and written again
 *          received_at:           Unix seconds
 * Out:     event:                 to be freed with puck_event_free
 *          verdict:               or NULL */
PUCK_API int32_t puck_verifier_verify(const puck_verifier* verifier, const puck_header* headers, size_t header_count,
                                      const void* body, size_t body_size, int64_t received_at, puck_event** event,
                                      puck_verdict* verdict);

/* Judges bytes without their request: size, signature header, HMAC and window. Nothing is parsed.
 * Returns: PUCK_OK, or a reason from 101 to 106, 201, -1 or -3.
 * In:      body, body_size:           the raw bytes from the wire
 *          signature, signature_size: the value of X-Puck-Signature
 *          received_at:               Unix seconds
 * Out:     verdict:                   or NULL */
PUCK_API int32_t puck_verifier_verify_signature(const puck_verifier* verifier, const void* body, size_t body_size,
                                                const char* signature, size_t signature_size, int64_t received_at,
                                                puck_verdict* verdict);

/* The same without the window: a captured delivery passes for ever. For archives that are read again long after.
 * received_at only gives the verdict its skew. */
PUCK_API int32_t puck_verifier_dangerously_verify_without_window(const puck_verifier* verifier, const void* body,
                                                                 size_t body_size, const char* signature,
                                                                 size_t signature_size, int64_t received_at,
                                                                 puck_verdict* verdict);

/* Events ----------------------------------------------------------------------------------------------------------- */

/* An event's fields. The bytes belong to the event, and last as long as it. */
typedef struct puck_event_fields {
    uint64_t struct_size;
    puck_bytes event_id;            /* 36 characters, lower case */
    puck_bytes event_type;          /* 1 to 128 characters of A-Z a-z 0-9 _ . - ; an open set */
    puck_bytes emitted_at_text;     /* RFC 3339, as Puck wrote it; it may be days ago */
    puck_bytes api_version;         /* "v1" */
    puck_bytes data_json;           /* the JSON object `data`, exactly the bytes that were signed */
    int64_t emitted_at_seconds;     /* Unix time */
    int32_t emitted_at_nanoseconds; /* 0 to 999999999 */
    int32_t severity;               /* an enum puck_severity, from data.severity */
    uint8_t id[16];                 /* event_id as bytes: the key for deduplication */
} puck_event_fields;
#define PUCK_EVENT_FIELDS_INIT \
    {sizeof(puck_event_fields), {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}, 0, 0, PUCK_SEVERITY_NONE, {0}}

/* Parses and checks an envelope that is already verified. Bytes that nobody has verified can say anything.
 * Returns: PUCK_OK, or a reason from 201 (more than 1 GiB) to 209, -1 or -2.
 * Out:     event:  to be freed with puck_event_free; it owns a copy of the body
 *          detail: a sentence: what is wrong; or NULL */
PUCK_API int32_t puck_parse_envelope(const void* body, size_t body_size, puck_event** event, const char** detail);
PUCK_API void puck_event_free(puck_event* event);

/* Returns: PUCK_OK or PUCK_INVALID_ARGUMENT. */
PUCK_API int32_t puck_event_get_fields(const puck_event* event, puck_event_fields* fields);

/* The dedupe store ------------------------------------------------------------------------------------------------- */

/*   absent --claim--> in progress(token, lease) --commit(token)--> done(token, ttl) --ttl or LRU--> absent
 *                     in progress(token, lease) --release(token)--> absent
 *                     in progress, lease over --claim--> in progress(new token)
 *
 * An event counts as seen only after it is committed, which happens after its handler succeeded. */
typedef struct puck_dedupe puck_dedupe;

typedef struct puck_dedupe_lru_settings {
    uint64_t struct_size;
    uint64_t capacity; /* events remembered at once: 1 to 67108864, of at most 72 bytes each */
    int64_t ttl;       /* seconds for which a committed event is a duplicate: 600 to 2592000 */
    int64_t lease;     /* seconds for which a handler holds an event: 1 to 3600, and less than the ttl */
} puck_dedupe_lru_settings;
#define PUCK_DEDUPE_LRU_SETTINGS_INIT {sizeof(puck_dedupe_lru_settings), 65536, 86400, 60}

/* Makes the built-in store: one process, fixed memory, which is taken here.
 * Returns: PUCK_OK, PUCK_INVALID_ARGUMENT or PUCK_OUT_OF_MEMORY.
 * In:      settings: or NULL for the _INIT
 * Out:     dedupe:   to be freed with puck_dedupe_free
 *          detail:   a sentence: what is wrong, and with what; or NULL */
PUCK_API int32_t puck_dedupe_new_lru(const puck_dedupe_lru_settings* settings, puck_dedupe** dedupe,
                                     const char** detail);

/* A store of your own, which several processes may share. The functions are called from any number of threads at once,
 * may block, and may call this library. They must return: no longjmp, no pthread_exit, and no cancelling of a thread
 * that is in one. Any answer that is not listed counts as PUCK_STORE_UNAVAILABLE. */
typedef struct puck_dedupe_callbacks {
    uint64_t struct_size;
    int64_t ttl; /* seconds for which a committed event is remembered; at least 1, and twice a receiver's tolerance */
    /* Passed to each call. It must last until the store, its receivers and their deliveries are freed. */
    void* user;
    /* Takes the event, atomically: of all who claim one id, exactly one wins. PUCK_OK, with a token that differs from
     * claim to claim; PUCK_DUPLICATE, PUCK_IN_PROGRESS, PUCK_STORE_UNAVAILABLE or PUCK_STORE_FULL. A claim must run out
     * after some time (the built-in store's lease: 60 s), or the event of a worker that died is lost. */
    int32_t (*claim)(void* user, const uint8_t id[16], uint64_t* token);
    /* Marks the event as done, for the ttl. PUCK_OK, also when it is repeated or finds nothing, since the handler did
     * succeed; PUCK_CLAIM_LOST when another token holds or has settled the event; PUCK_STORE_UNAVAILABLE. */
    int32_t (*commit)(void* user, const uint8_t id[16], uint64_t token);
    /* Gives the event back, for Puck's next attempt. PUCK_OK, also when it finds nothing; PUCK_CLAIM_LOST when the
     * event is done, by this token too, or another token holds it, and then nothing changes; PUCK_STORE_UNAVAILABLE.
     * It may come after a commit that answered PUCK_STORE_UNAVAILABLE. */
    int32_t (*release)(void* user, const uint8_t id[16], uint64_t token);
} puck_dedupe_callbacks;
#define PUCK_DEDUPE_CALLBACKS_INIT {sizeof(puck_dedupe_callbacks), 0, NULL, NULL, NULL, NULL}

/* Makes a store of callbacks. The ttl and the three functions must be set; user may be NULL.
 * Returns: PUCK_OK, PUCK_INVALID_ARGUMENT or PUCK_OUT_OF_MEMORY.
 * Out:     dedupe: to be freed with puck_dedupe_free
 *          detail: a sentence: what is wrong; or NULL */
PUCK_API int32_t puck_dedupe_new_callbacks(const puck_dedupe_callbacks* callbacks, puck_dedupe** dedupe,
                                           const char** detail);
PUCK_API void puck_dedupe_free(puck_dedupe* dedupe);

/* Claim, commit and release by hand, after puck_verifier_verify. They return what the functions of
 * puck_dedupe_callbacks do, or PUCK_INVALID_ARGUMENT. */
PUCK_API int32_t puck_dedupe_claim(puck_dedupe* dedupe, const uint8_t id[16], uint64_t* token);
PUCK_API int32_t puck_dedupe_commit(puck_dedupe* dedupe, const uint8_t id[16], uint64_t token);
PUCK_API int32_t puck_dedupe_release(puck_dedupe* dedupe, const uint8_t id[16], uint64_t token);

/* The built-in store: counters since it was made, and its current sizes. */
typedef struct puck_dedupe_stats {
    uint64_t struct_size;
    uint64_t claims;          /* claims that were granted */
    uint64_t duplicates;      /* claims refused because the event was done */
    uint64_t contended;       /* claims refused because another worker held the event */
    uint64_t early_evictions; /* done events forgotten before their ttl: if it grows, the capacity is too small */
    uint64_t expired_leases;  /* claims whose lease was over when another worker took the event or its place */
    uint64_t done;            /* events stored as done, expired ones included until their place is needed */
    uint64_t in_progress;     /* events held by a handler now */
} puck_dedupe_stats;
#define PUCK_DEDUPE_STATS_INIT {sizeof(puck_dedupe_stats), 0, 0, 0, 0, 0, 0, 0}

/* Returns: PUCK_OK, or PUCK_INVALID_ARGUMENT, also when the store is one of callbacks. */
PUCK_API int32_t puck_dedupe_get_stats(const puck_dedupe* dedupe, puck_dedupe_stats* stats);

/* Whether the event is done, without claiming it: 1 or 0 in *seen.
 * Returns: PUCK_OK, or PUCK_INVALID_ARGUMENT, also when the store is one of callbacks. */
PUCK_API int32_t puck_dedupe_seen(const puck_dedupe* dedupe, const uint8_t id[16], int32_t* seen);

/* Receiving -------------------------------------------------------------------------------------------------------- */

typedef struct puck_receiver puck_receiver;
typedef struct puck_delivery puck_delivery;

/* Makes a receiver: a verifier, and a store, which other receivers may share. Besides what puck_verifier_new refuses,
 * it refuses a store whose ttl is below twice the tolerance: a captured delivery could be handled again.
 * Returns and In: as puck_verifier_new.
 * Out:     receiver: to be freed with puck_receiver_free
 *          detail:   a sentence: what is wrong, and with what; or NULL */
PUCK_API int32_t puck_receiver_new(const puck_bytes* secrets, size_t secret_count,
                                   const puck_verifier_settings* settings, puck_dedupe* dedupe,
                                   puck_receiver** receiver, const char** detail);
PUCK_API void puck_receiver_free(puck_receiver* receiver);

/* Judges one request as puck_verifier_verify does, and then claims its event in the store.
 * Returns: PUCK_OK, and you hold the event; what puck_verifier_verify returns; or PUCK_DUPLICATE, PUCK_IN_PROGRESS,
 *          PUCK_STORE_UNAVAILABLE or PUCK_STORE_FULL.
 * In:      as puck_verifier_verify
 * Out:     delivery: to be settled, and freed with puck_delivery_free
 *          verdict:  or NULL */
PUCK_API int32_t puck_receiver_receive(const puck_receiver* receiver, const puck_header* headers, size_t header_count,
                                       const void* body, size_t body_size, int64_t received_at,
                                       puck_delivery** delivery, puck_verdict* verdict);

/* The event: genuine, fresh, well formed, and not handled before. It belongs to the delivery. NULL for NULL. */
PUCK_API const puck_event* puck_delivery_event(const puck_delivery* delivery);

/* Says that the event was handled; answer Puck with the HTTP status of the result.
 * Returns: PUCK_OK, also when it is repeated; PUCK_CLAIM_LOST, when the lease was over and another worker took the
 *          event; PUCK_STORE_UNAVAILABLE, after which it may be repeated; PUCK_INVALID_ARGUMENT. */
PUCK_API int32_t puck_delivery_commit(puck_delivery* delivery);

/* Gives the event back for Puck's next attempt.
 * Returns: as puck_delivery_commit; PUCK_CLAIM_LOST after a commit, which it does not undo. */
PUCK_API int32_t puck_delivery_release(puck_delivery* delivery);

/* Frees the delivery. Unless it was committed, this releases its event. */
PUCK_API void puck_delivery_free(puck_delivery* delivery);

#ifdef __cplusplus
}
#endif

#endif
