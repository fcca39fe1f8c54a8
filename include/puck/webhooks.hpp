// Receive Puck's webhooks: everything of the library.
//
//     auto secrets = puck::secret_ring::make({"whsec_..."}).value();  // as Puck handed it out
//     puck::receiver receiver(puck::verifier::make(std::move(secrets)).value(), puck::lru_dedupe::make().value());
//
//     int answer(const puck::request& request) {                   // {headers, raw body, puck::unix_now()} -> status
//         auto delivery = receiver.receive(request);
//         if (!delivery) return delivery.error().http_status();    // .detail() says why
//         handle(delivery->event());                               // if it throws, Puck comes again
//         return puck::http_status(delivery->commit());
//     }
#pragma once

#include "puck/clock.hpp"
#include "puck/date_time.hpp"
#include "puck/dedupe.hpp"
#include "puck/envelope.hpp"
#include "puck/error.hpp"
#include "puck/lru_dedupe.hpp"
#include "puck/reason.hpp"
#include "puck/receiver.hpp"
#include "puck/result.hpp"
#include "puck/secret.hpp"
#include "puck/signature.hpp"
#include "puck/uuid.hpp"
#include "puck/verified.hpp"
#include "puck/verifier.hpp"
#include "puck/version.hpp"
