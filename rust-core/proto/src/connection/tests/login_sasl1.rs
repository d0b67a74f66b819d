//! RFC 6120 logins: what each flight holds, and how many there are.

use super::peer::{Mode, Peer, Setup};
use super::scripts::*;
use super::texts::*;

#[test]
fn every_script_plays_to_its_end() {
    for script in SCRIPTS {
        let mut peer = Peer::new(&(script.setup)(), Mode::Whole);
        (script.run)(&mut peer);
        println!("{}: {} {}", script.name, peer.round_trips, peer.served);
    }
}
