//! Rules W1 and S5: a login with the token that gets answers which are none. The second time the token counts as refused.

use super::archive::away;
use super::peer::{EXPORTER, Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::escalation::Subject;
use crate::knowledge::Knowledge;

/// What no server should answer to a login with a token.
fn odd_answers() -> Vec<String> {
    let bound = bound2(ENABLED);
    vec![
        success2("!!", JID, &bound),
        success2("", JID, &bound),
        success2("AAAA", JID, &bound),
        challenge2("cj1h"),
        challenge2(""),
        "<success xmlns='urn:xmpp:sasl:2'/>".to_owned(),
        "<proceed xmlns='urn:xmpp:sasl:2'/>".to_owned(),
        MESSAGE.to_owned(),
    ]
}

/// A login with the token, up to the server's answer.
fn with_token(knowledge: Knowledge) -> (Peer, String) {
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    peer.serve(&format!("{HEADER}{}", features(&sasl2())));
    (peer, proof)
}

#[test]
fn w1_the_second_answer_that_is_none_counts_as_a_refusal_of_the_token() {
    for odd in odd_answers() {
        let (mut peer, _) = with_token(away());
        peer.serve(&odd);
        let knowledge = peer.knowledge();
        let failure = knowledge.failures.get(Subject::FastToken);
        assert_eq!(
            failure.map(|f| f.refusals),
            Some(1),
            "{odd} {:?}",
            peer.closed
        );
        assert!(knowledge.fast.is_some(), "once may be chance");
        let (mut peer, _) = with_token(knowledge);
        peer.serve(&odd);
        let knowledge = peer.knowledge();
        assert!(knowledge.fast.is_none(), "{odd}");
        assert!(knowledge.failures.is_empty(), "{odd}");
        let mut peer = Setup::direct().knowing(knowledge).start();
        open_direct(&mut peer);
        scram2(
            &mut peer,
            "header + authenticate SCRAM-SHA-256-PLUS",
            &format!("{HEADER}{}", features(&sasl2())),
        );
    }
}

#[test]
fn w1_a_token_that_works_forgets() {
    let (mut peer, _) = with_token(away());
    peer.serve(&success2("!!", JID, ""));
    let (mut peer, proof) = with_token(peer.knowledge());
    peer.serve(&success2(&proof, JID, &bound2(ENABLED)));
    assert!(peer.knowledge().failures.get(Subject::FastToken).is_none());
}

/// A network that breaks connections during logins costs no token: it takes five in a row, over a minute, after features
/// arrived.
#[test]
fn w1_silence_costs_a_token_only_after_a_minute() {
    let silences = |pause: i64, has_features: bool| {
        let mut knowledge = away();
        let count = (1..=8).find(|count| {
            let mut peer = Setup::direct().knowing(knowledge.clone()).start();
            open_direct(&mut peer);
            fast(&mut peer, FAST_LOGIN, &EXPORTER);
            peer.now.wall.0 += pause * count;
            if has_features {
                peer.serve(&format!("{HEADER}{}", features(&sasl2())));
            }
            peer.close_transport();
            knowledge = peer.knowledge();
            knowledge.fast.is_none()
        });
        count.unwrap_or(0)
    };
    assert_eq!(silences(15, true), 5);
    assert_eq!(silences(1, true), 0);
    assert_eq!(silences(15, false), 0);
}

/// The kind of token that a first login asks for, if any.
fn asks_for(offered: &str, is_unbound_allowed: bool) -> Option<&'static str> {
    let mut setup = Setup::direct();
    setup.config.policy.allow_unbound_tokens = is_unbound_allowed;
    let mut peer = setup.start();
    open_direct(&mut peer);
    let kept = format!("<fast xmlns='urn:xmpp:fast:0'>{offered}</fast>");
    show(&mut peer, &sasl2().replace(FAST, &kept));
    let flight = peer.sends(AUTHENTICATE);
    let kinds = ["HT-SHA-256-EXPR", "HT-SHA-256-ENDP", "HT-SHA-256-NONE"];
    kinds.into_iter().find(|kind| flight.contains(kind))
}

#[test]
fn t3_a_token_is_bound_to_the_channel_unless_the_app_allows_another() {
    let none = "<mechanism>HT-SHA-256-NONE</mechanism>";
    let end_point = "<mechanism>HT-SHA-256-ENDP</mechanism>";
    assert_eq!(asks_for(none, false), None);
    assert_eq!(asks_for(none, true), Some("HT-SHA-256-NONE"));
    let both = format!("{none}{end_point}");
    assert_eq!(asks_for(&both, true), Some("HT-SHA-256-ENDP"));
}
