//! The same bytes, cut differently, cut short, or garbled.

use super::garble::random;
use super::peer::{Mode, Peer, Setup};
use super::scripts::{SCRIPTS, Script};

fn play(script: &Script, setup: &Setup, mode: Mode) -> Peer {
    let mut peer = Peer::new(setup, mode);
    (script.run)(&mut peer);
    peer
}

#[test]
fn one_byte_at_a_time_changes_nothing() {
    for script in SCRIPTS {
        let setup = (script.setup)();
        let whole = play(script, &setup, Mode::Whole);
        let bytes = play(script, &setup, Mode::Bytes);
        assert_eq!(bytes.sent, whole.sent, "{}", script.name);
        assert_eq!(bytes.history, whole.history, "{}", script.name);
        assert_eq!(bytes.round_trips, whole.round_trips, "{}", script.name);
    }
}

/// A clean end of ours is the only one that has no reason.
#[test]
fn cut_off_anywhere_it_ends_with_a_reason() {
    for script in SCRIPTS {
        let setup = (script.setup)();
        let whole = play(script, &setup, Mode::Whole);
        for cut in 0..whole.served {
            let peer = play(script, &setup, Mode::Cut(cut));
            let asked_to_close = peer.sent.ends_with("</stream:stream>");
            match peer.closed {
                Some(Some(_)) => {}
                Some(None) if asked_to_close => {}
                other => panic!("{} cut at {cut}: {other:?}", script.name),
            }
        }
    }
}

/// The invariants are the peer's own: transactions are numbered in order, nothing waits for one that does not exist,
/// no stanza of the app leaves before the session, nothing comes after the end.
#[test]
fn garbled_servers_break_no_invariant() {
    let setups: Vec<Setup> = SCRIPTS.iter().map(|script| (script.setup)()).collect();
    let mut ends = std::collections::BTreeSet::new();
    for round in 0..150_u64 {
        for (script, setup) in SCRIPTS.iter().zip(&setups) {
            let mut seed = 0x5EED + round * 1009;
            random(&mut seed);
            let mut peer = play(script, setup, Mode::Mutate(seed));
            peer.close_transport();
            assert!(peer.closed.is_some(), "{} round {round}", script.name);
            ends.insert(
                format!("{:?}", peer.closed)
                    .chars()
                    .take(40)
                    .collect::<String>(),
            );
        }
    }
    assert!(ends.len() > 10, "the mutations are too tame: {ends:#?}");
}
