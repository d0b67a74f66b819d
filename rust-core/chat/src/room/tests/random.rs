//! Random histories: whatever the rooms, the strangers and the connection do, what must hold holds.

use super::*;

/// A linear congruential generator (Knuth): a seed replays its history.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}

const NICKS: [&str; 4] = ["thirdwitch", "firstwitch", "oldhag", "x"];
const CONDITIONS: [&str; 6] = [
    "not-acceptable",
    "conflict",
    "forbidden",
    "service-unavailable",
    "remote-server-timeout",
    "item-not-found",
];

struct History {
    bench: Bench,
    random: Random,
    requests: Vec<RequestId>,
    /// When the room was checked last, since it was wanted without a break.
    last: Option<Instant>,
    is_online: bool,
}

impl History {
    fn act(&mut self) {
        let random = &mut self.random;
        let nick = random.of(&NICKS);
        let condition = random.of(&CONDITIONS);
        let code = random.of(&[
            "110", "201", "210", "301", "303", "307", "321", "332", "333", "x",
        ]);
        let status = format!("<status code='{code}'/>");
        let action = random.below(16);
        let bench = &mut self.bench;
        match action {
            0 => bench.join(COVEN, nick),
            1 if code == "x" => bench.rooms.leave(&jid(COVEN), bench.now),
            2 => {
                bench.rooms.change_nick(&jid(COVEN), nick, bench.now);
            }
            3 => {
                self.is_online = true;
                let start = if code == "110" {
                    SessionStart::New
                } else {
                    SessionStart::Resumed
                };
                bench.online(start);
            }
            4 if code == "x" => {
                self.is_online = false;
                bench.offline();
            }
            5 | 6 => bench.enter(nick, &status),
            7 => bench.presence(&occupant(nick, &status)),
            8 => {
                let item = format!("<item role='none' nick='{}'/>{status}", NICKS[1]);
                bench.presence(&gone(nick, &item));
            }
            9 => bench.presence(&presence_error(nick, condition, "cancel")),
            10 => {
                bench.message(&said(nick, condition, "body", &status));
            }
            11 => bench.subject(),
            12 => {
                let message = format!("<message to='{COVEN}' type='groupchat' id='{condition}'/>");
                bench.rooms.handle_sent(&stanza(&message), bench.now);
            }
            13 => {
                let error = format!(
                    "<message type='error'>{}</message>",
                    error(condition, "cancel")
                );
                let error = StanzaError::of(&stanza(&error)).unwrap();
                bench.rooms.handle_bounce(condition, &error, bench.now);
            }
            14 if !self.requests.is_empty() => {
                let at = self.random.below(self.requests.len());
                let id = self.requests.swap_remove(at);
                let error = format!("<iq type='error'>{}</iq>", error(condition, "cancel"));
                let answers = [
                    features(&["urn:xmpp:mam:2"]),
                    "<iq type='result'/>".to_owned(),
                    error,
                ];
                let answer = &answers[self.random.below(answers.len())];
                self.bench.answer(id, answer);
            }
            _ => {
                let seconds = self.random.below(400);
                let end = bench.now.mono + Duration::from_secs(u64::try_from(seconds).unwrap());
                bench.until(end);
                bench.rooms.handle_timeout(bench.now);
            }
        }
    }

    fn check(&mut self) {
        let out = self.bench.out();
        assert!(out.sent.len() <= 70 && out.events.len() <= 20, "{out:?}");
        self.checked(out.pings());
        self.requests.extend(out.requests.iter().map(|(id, _)| *id));
        // The next time is never in the past, or the host would not wait at all.
        if out.timer.is_some_and(|timer| timer <= self.bench.now.mono) {
            self.bench.rooms.handle_timeout(self.bench.now);
            let again = self.bench.out();
            self.requests
                .extend(again.requests.iter().map(|(id, _)| *id));
            self.checked(again.pings());
            let is_later = |timer: Instant| timer > self.bench.now.mono;
            assert!(again.timer.is_none_or(is_later), "{again:?}");
        }
        assert!(out.timer.is_none() || self.is_online);
        let info = self.bench.rooms.info(&jid(COVEN));
        if info.is_none() {
            self.last = None;
        }
        assert!(info.is_none_or(|info| info.occupants.len() <= NICKS.len() + 1));
    }
}

impl History {
    /// XEP-0410: at most once in 15 minutes, and only in a session.
    fn checked(&mut self, pings: usize) {
        if pings == 0 {
            return;
        }
        assert!(pings == 1 && self.is_online);
        // That fetches an answer.
        let info = self.bench.rooms.info(&jid(COVEN));
        if info.is_some_and(|info| info.membership == Membership::Joining) {
            return;
        }
        let now = self.bench.now.mono;
        let earlier = self.last.replace(now);
        assert!(earlier.is_none_or(|earlier| now.since(earlier) >= Duration::from_secs(900)));
    }
}

#[test]
fn random_histories_keep_the_bounds() {
    for seed in 0..40 {
        let mut history = History {
            bench: Bench::new(),
            random: Random(seed),
            requests: Vec::new(),
            last: None,
            is_online: false,
        };
        history.bench.join(COVEN, "thirdwitch");
        for _ in 0..300 {
            history.act();
            history.check();
        }
    }
}
