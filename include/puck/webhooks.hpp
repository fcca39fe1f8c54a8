// Receive Puck's webhooks. This header includes the whole library.
//
//     auto secrets = puck::secret_ring::make({"whsec_..."}).value();  // as Puck handed it out
//     auto receiver = puck::receiver::make(std::move(secrets), {.dedupe = puck::lru_dedupe::make().value()}).value();
//
//     int answer(const puck::request& request) {                   // {headers, raw body, puck::unix_now()} -> status
//         auto delivery = receiver.receive(request);
//         if (!delivery) return delivery.error().http_status();    // .detail() says why
//         handle(delivery->event());                               // if it throws, Puck sends the event again
//         return puck::http_status(delivery->commit());
//     }
#pragma once

#include "puck/clock.hpp"
#include "puck/date_time.hpp"
#include "puck/dedupe.hpp"
#include "puck/envelope.hpp"
#include "puck/error.hpp"
#include "puck/lifetime.hpp"
#include "puck/lru_dedupe.hpp"
#include "puck/proof.hpp"
#include "puck/reason.hpp"
#include "puck/receiver.hpp"
#include "puck/rejection.hpp"
#include "puck/request.hpp"
#include "puck/result.hpp"
#include "puck/secret.hpp"
#include "puck/sign.hpp"
#include "puck/signature.hpp"
#include "puck/uuid.hpp"
#include "puck/verified.hpp"
#include "puck/verifier.hpp"
#include "puck/version.hpp"
