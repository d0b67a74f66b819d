//! Logins without a password: OAUTHBEARER (RFC 7628), EXTERNAL (RFC 4422 appendix A, XEP-0178), and the tests' own mechanism.

use super::login::{ExchangeState, Request};
use super::{Connection, Cx, Next};
use crate::client_certificates::xmpp_addr;
use crate::sasl::{Condition, INVALID_TOKEN, Mechanism, parse_bearer};

impl Connection {
    pub(super) fn bearer(&mut self, cx: &mut Cx<'_>, request: Request, message: &[u8]) -> Next {
        let message = match parse_bearer(message) {
            Ok(message) => message,
            Err(condition) => return self.fail(cx, &request, condition),
        };
        let user = cx.world.local_account(&message.authzid);
        let user = user.filter(|user| {
            let account = cx.world.account(user);
            account.is_some_and(|account| account.bearer_tokens.contains(&message.token))
        });
        match user {
            Some(user) => self.succeed(cx, request, &user, Mechanism::OauthBearer, None),
            None => self.challenge(
                request,
                Mechanism::OauthBearer,
                INVALID_TOKEN.as_bytes(),
                ExchangeState::ErrorReceived,
            ),
        }
    }

    /// XEP-0178 section 3: the authorization identity, if there is one, has to be that of the certificate.
    pub(super) fn external(&mut self, cx: &mut Cx<'_>, request: Request, message: &[u8]) -> Next {
        let address = self.wire.client_certificate().and_then(xmpp_addr);
        let address = address.map(str::to_owned).unwrap_or_default();
        let is_own = message.is_empty() || message == address.as_bytes();
        match cx.world.local_account(&address).filter(|_| is_own) {
            Some(user) => self.succeed(cx, request, &user, Mechanism::External, None),
            None => self.fail(cx, &request, Condition::NotAuthorized),
        }
    }

    pub(super) fn reversed(
        &mut self,
        cx: &mut Cx<'_>,
        request: Request,
        user: &str,
        challenge: &str,
        message: &[u8],
    ) -> Next {
        let expected: String = challenge.chars().rev().chain(['\0']).collect();
        let message = String::from_utf8_lossy(message);
        let password = message.strip_prefix(&expected).unwrap_or_default();
        let account = cx.world.account(user);
        if !account.is_some_and(|account| account.has_password(password)) {
            return self.fail(cx, &request, Condition::NotAuthorized);
        }
        let proof: String = password.chars().rev().collect();
        let proof = Some(proof.into_bytes());
        self.succeed(cx, request, user, Mechanism::TestReverse, proof)
    }
}
