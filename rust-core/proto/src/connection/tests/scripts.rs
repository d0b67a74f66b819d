//! Every login, as a script: how it starts and what is said. Replayed whole, byte by byte, cut short and garbled.

use super::peer::{END_POINT, EXPORTER, Peer, Setup};
use super::proofs::{Scram, token_proof};
use super::texts::*;
use crate::connection::{Command, EarlyData};
use crate::knowledge::Knowledge;
use crate::sasl::Method;
use crate::secret::Secret;

pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) setup: fn() -> Setup,
    pub(super) run: fn(&mut Peer),
}

macro_rules! scripts {
    ($($name:ident: $setup:expr;)+) => {
        /// All of them.
        pub(super) const SCRIPTS: &[Script] = &[$(Script {
            name: stringify!($name),
            setup: || $setup,
            run: $name,
        },)+];
    };
}

scripts! {
    cold_sasl1_starttls: Setup::starttls();
    cold_sasl1_direct: Setup::direct();
    cold_sasl1_session_required: Setup::direct();
    cold_sasl1_unprompted_restart: Setup::direct();
    cold_pipelining: Setup::starttls();
    warm_sasl1_bind: Setup::starttls().knowing(gone(after_sasl1()));
    warm_sasl1_resume: Setup::direct().knowing(after_sasl1());
    warm_sasl1_resume_failed: Setup::direct().knowing(after_sasl1());
    warm_pipelined_bind: Setup::starttls().knowing(gone(after_pipelining()));
    warm_pipelined_resume: Setup::starttls().knowing(resume_inside(after_pipelining()));
    warm_resume_before_sasl: Setup::starttls().knowing(after_pipelining());
    warm_resume_before_sasl_refused: Setup::starttls().knowing(after_pipelining());
    cold_sasl2_starttls: Setup::starttls();
    cold_sasl2_direct: Setup::direct();
    cold_sasl2_without_bind2: Setup::direct();
    warm_fast_bind: Setup::direct().knowing(gone(after_sasl2()));
    warm_fast_resume: Setup::starttls().knowing(after_sasl2());
    warm_fast_resume_failed: Setup::direct().knowing(after_sasl2());
    warm_fast_refused: Setup::direct().knowing(after_sasl2());
    warm_config_version_mismatch: Setup::direct().knowing(after_sasl2());
    early_data_accepted: early();
    early_data_rejected: early();
    closed_cleanly: Setup::direct();
    cold_bearer_token: bearer();
    warm_bearer_token: bearer().knowing(gone(learn(bearer(), cold_bearer_token)));
}

// -- what earlier logins left behind

fn learn(setup: Setup, run: fn(&mut Peer)) -> Knowledge {
    let mut peer = setup.start();
    run(&mut peer);
    settled(peer.knowledge())
}

/// The settling query was answered, too.
pub(super) fn settled(knowledge: Knowledge) -> Knowledge {
    Knowledge {
        archive_recheck: None,
        ..knowledge
    }
}

pub(super) fn after_sasl1() -> Knowledge {
    learn(Setup::direct(), cold_sasl1_direct)
}

pub(super) fn after_sasl2() -> Knowledge {
    learn(Setup::direct(), cold_sasl2_direct)
}

pub(super) fn after_pipelining() -> Knowledge {
    learn(Setup::starttls(), cold_pipelining)
}

/// An app that logs in with a bearer token, at a server without FAST.
pub(super) fn bearer() -> Setup {
    Setup::direct().with(|setup| {
        setup.config.password = None;
        setup.config.method = Method::BearerToken;
    })
}

/// The session is gone, the rest is known.
pub(super) fn gone(mut knowledge: Knowledge) -> Knowledge {
    knowledge.sm = None;
    knowledge.queue.clear();
    knowledge
}

fn resume_inside(mut knowledge: Knowledge) -> Knowledge {
    knowledge.server.sm_before_sasl = None;
    knowledge
}

pub(super) fn early() -> Setup {
    let knowledge = learn(Setup::direct().with(allow_early), |peer| {
        cold_sasl2(peer, &sasl2_early());
    });
    Setup::direct().knowing(knowledge).with(allow_early)
}

fn allow_early(setup: &mut Setup) {
    setup.config.policy.early_data = true;
    setup.early_data_possible = true;
}

// -- steps

#[track_caller]
pub(super) fn open_starttls(peer: &mut Peer) {
    peer.connect();
    peer.sends("header + starttls");
    peer.serve(&format!("{HEADER}{}{PROCEED}", features(STARTTLS)));
    peer.sends("ClientHello");
    peer.tls();
}

#[track_caller]
pub(super) fn open_combined(peer: &mut Peer) {
    peer.connect();
    peer.sends("header + starttls + ClientHello");
    peer.serve(&format!("{HEADER}{}{PROCEED}", features(STARTTLS)));
    peer.tls();
}

#[track_caller]
pub(super) fn open_direct(peer: &mut Peer) {
    peer.connect();
    peer.sends("ClientHello");
    peer.tls();
}

/// Answers the header of a stream about which nothing is known.
#[track_caller]
pub(super) fn show(peer: &mut Peer, offered: &str) {
    peer.sends("header");
    peer.serve(&format!("{HEADER}{}", features(offered)));
}

/// SCRAM by SASL1 up to `<success/>`, which is returned unsent. `first` and `last` are the flights of ours.
#[track_caller]
pub(super) fn scram1(peer: &mut Peer, first: &str, before: &str, last: &str) -> (String, String) {
    let flight = peer.sends(first);
    let mut scram = Scram::new(&text_of(&flight, "auth"));
    let challenge = sasl1("challenge", &scram.challenge());
    peer.serve(&format!("{before}{challenge}"));
    let flight = peer.sends(last);
    let proof = scram.verify(&text_of(&flight, "response"), &EXPORTER);
    (sasl1("success", &proof.unwrap_or_default()), flight)
}

/// SCRAM by SASL2 up to `<success/>`: the server's proof is returned.
#[track_caller]
pub(super) fn scram2(peer: &mut Peer, first: &str, before: &str) -> String {
    let flight = peer.sends(first);
    let mut scram = Scram::new(&text_of(&flight, "initial-response"));
    let challenge = challenge2(&scram.challenge());
    peer.serve(&format!("{before}{challenge}"));
    let flight = peer.sends("response");
    let proof = scram.verify(&text_of(&flight, "response"), &EXPORTER);
    proof.unwrap_or_default()
}

/// A token login up to `<success/>`: the server's proof is returned.
#[track_caller]
pub(super) fn fast(peer: &mut Peer, first: &str, channel: &[u8]) -> String {
    let flight = peer.sends(first);
    let proof = token_proof(&text_of(&flight, "initial-response"), TOKEN, channel);
    proof.unwrap_or_default()
}

/// Only the bind request was sent: answer it, and then what follows.
#[track_caller]
pub(super) fn answer_bind(peer: &mut Peer) {
    let flight = peer.sends("bind");
    peer.serve(&bound(&flight));
    peer.is_online();
    let flight = peer.sends(IN_ORDER);
    answer_rest(peer, &flight);
}

/// The bind flight was sent, with all that a session needs: answer all of it.
#[track_caller]
pub(super) fn answer_pipelined_bind(peer: &mut Peer, flight: &str) {
    peer.serve(&bound(flight));
    peer.is_online();
    answer_rest(peer, flight);
}

/// What a session needs was asked for: answer it.
#[track_caller]
pub(super) fn answer_rest(peer: &mut Peer, flight: &str) {
    peer.serve(&format!("{ENABLED}{}", answers(flight)));
    if flight.contains("<before/>") {
        read_on(peer);
    } else {
        peer.sends("r");
        peer.serve(&ack(GREETED1));
    }
    peer.finish();
}

/// The archive's end was learnt; nothing has come since.
#[track_caller]
fn read_on(peer: &mut Peer) {
    let page = peer.sends("r + archive");
    peer.serve(&format!("{}{}", fin(&page, true, ""), ack(LEARNT1)));
}

/// The greeting of a SASL2 session was sent: answer it.
#[track_caller]
pub(super) fn answer_greeting(peer: &mut Peer) {
    peer.is_online();
    let flight = peer.sends(GREETING2);
    let roster = answers(&flight);
    peer.serve(&format!("{roster}{}", ack(GREETED2)));
    peer.finish();
}

/// How many stanzas the greeting of a SASL1 session holds, carbons included, and that of a SASL2 session.
pub(super) const GREETED1: u32 = 5;
/// The first session asks once more.
pub(super) const LEARNT1: u32 = GREETED1 + 1;
pub(super) const GREETED2: u32 = 4;
pub(super) const GREETING: &str = "bind + enable + roster + disco + carbons + presence + archive";
/// What follows the bind request where it was held back until the answer.
pub(super) const IN_ORDER: &str = "enable + roster + disco + carbons + presence + archive";
pub(super) const GREETING2: &str = "roster + disco + presence + archive + r";
pub(super) const AUTH: &str = "auth SCRAM-SHA-256";
pub(super) const AUTHENTICATE: &str = "authenticate SCRAM-SHA-256-PLUS";
pub(super) const FAST_LOGIN: &str = "header + authenticate HT-SHA-256-EXPR";

// -- SASL1

pub(super) fn cold_sasl1_starttls(peer: &mut Peer) {
    open_starttls(peer);
    cold_sasl1(peer, AUTHENTICATED);
    answer_bind(peer);
}

pub(super) fn cold_sasl1_direct(peer: &mut Peer) {
    open_direct(peer);
    cold_sasl1(peer, AUTHENTICATED);
    answer_bind(peer);
}

pub(super) fn cold_sasl1_session_required(peer: &mut Peer) {
    open_direct(peer);
    cold_sasl1(peer, &format!("{BIND}{SESSION}{SM}"));
    let flight = peer.sends("bind");
    peer.serve(&bound(&flight));
    peer.is_online();
    let flight = peer.sends("iq");
    peer.serve(&session_started(&flight));
    let flight = peer.sends(IN_ORDER);
    answer_rest(peer, &flight);
}

/// Up to the bind request.
pub(super) fn cold_sasl1(peer: &mut Peer, authenticated: &str) {
    show(peer, SASL1);
    let (success, _) = scram1(peer, AUTH, "", "response");
    peer.serve(&success);
    show(peer, authenticated);
}

fn cold_sasl1_unprompted_restart(peer: &mut Peer) {
    open_direct(peer);
    show(peer, SASL1);
    let (success, _) = scram1(peer, AUTH, "", "response");
    peer.serve(&format!("{success}{HEADER}{}", features(AUTHENTICATED)));
    let flight = peer.sends("header + bind");
    peer.serve(&bound(&flight));
    peer.is_online();
    let flight = peer.sends(IN_ORDER);
    answer_rest(peer, &flight);
}

pub(super) fn cold_pipelining(peer: &mut Peer) {
    open_starttls(peer);
    let offered = format!("{SASL1}{SM}{PIPELINING}");
    show(peer, &offered);
    let (success, flight) = scram1(peer, AUTH, "", "response + header + bind");
    let first = format!("{success}{HEADER}{}", features(AUTHENTICATED));
    peer.serve(&format!("{first}{}", bound(&flight)));
    peer.is_online();
    let flight = peer.sends("enable + roster + disco + carbons + presence + archive");
    peer.serve(&format!("{ENABLED}{}", answers(&flight)));
    read_on(peer);
    peer.finish();
}

pub(super) fn warm_sasl1_bind(peer: &mut Peer) {
    open_starttls(peer);
    let shown = format!("{HEADER}{}", features(SASL1));
    let (success, _) = scram1(peer, &format!("header + {AUTH}"), &shown, "response");
    peer.serve(&success);
    let flight = peer.sends(&format!("header + {GREETING}"));
    peer.serve(&format!("{HEADER}{}", features(AUTHENTICATED)));
    answer_pipelined_bind(peer, &flight);
}

pub(super) fn warm_sasl1_resume(peer: &mut Peer) {
    warm_sasl1_to_resume(peer);
    peer.serve(&format!(
        "{HEADER}{}{}",
        features(AUTHENTICATED),
        resumed(LEARNT1)
    ));
    peer.is_online();
    peer.serve(MESSAGE);
    peer.serve(REQUEST);
    peer.sends("a");
    peer.finish();
}

pub(super) fn warm_sasl1_to_resume(peer: &mut Peer) {
    open_direct(peer);
    let shown = format!("{HEADER}{}", features(SASL1));
    let (success, _) = scram1(peer, &format!("header + {AUTH}"), &shown, "response");
    peer.serve(&success);
    peer.sends("header + resume");
}

fn warm_sasl1_resume_failed(peer: &mut Peer) {
    warm_sasl1_to_resume(peer);
    peer.serve(&format!(
        "{HEADER}{}{}",
        features(AUTHENTICATED),
        sm_failed("h='6'")
    ));
    let flight = peer.sends(GREETING);
    answer_pipelined_bind(peer, &flight);
}

fn warm_pipelined_bind(peer: &mut Peer) {
    open_combined(peer);
    let shown = format!("{HEADER}{}", features(&format!("{SASL1}{SM}{PIPELINING}")));
    let last = format!("response + header + {GREETING}");
    let (success, flight) = scram1(peer, &format!("header + {AUTH}"), &shown, &last);
    peer.serve(&format!("{success}{HEADER}{}", features(AUTHENTICATED)));
    answer_pipelined_bind(peer, &flight);
}

fn warm_pipelined_resume(peer: &mut Peer) {
    open_combined(peer);
    let shown = format!("{HEADER}{}", features(&format!("{SASL1}{SM}{PIPELINING}")));
    let last = "response + header + resume";
    let (success, _) = scram1(peer, &format!("header + {AUTH}"), &shown, last);
    let restarted = format!("{success}{HEADER}{}", features(AUTHENTICATED));
    peer.serve(&format!("{restarted}{}", resumed(LEARNT1)));
    peer.is_online();
    peer.finish();
}

fn warm_resume_before_sasl(peer: &mut Peer) {
    open_combined(peer);
    peer.sends("header + resume");
    let shown = features(&format!("{SASL1}{SM}{PIPELINING}"));
    peer.serve(&format!("{HEADER}{shown}{}", resumed(LEARNT1)));
    peer.is_online();
    peer.finish();
}

fn warm_resume_before_sasl_refused(peer: &mut Peer) {
    open_combined(peer);
    peer.sends("header + resume");
    let shown = features(&format!("{SASL1}{SM}{PIPELINING}"));
    peer.serve(&format!("{HEADER}{shown}{}", sm_failed("")));
    let (success, _) = scram1(peer, AUTH, "", "response + header + resume");
    let restarted = format!("{success}{HEADER}{}", features(AUTHENTICATED));
    peer.serve(&format!("{restarted}{}", resumed(LEARNT1)));
    peer.is_online();
    peer.finish();
}

// -- SASL2

fn cold_sasl2_starttls(peer: &mut Peer) {
    open_starttls(peer);
    finish_cold_sasl2(peer, &sasl2());
}

pub(super) fn cold_sasl2_direct(peer: &mut Peer) {
    cold_sasl2(peer, &sasl2());
}

pub(super) fn cold_sasl2(peer: &mut Peer, offered: &str) {
    open_direct(peer);
    finish_cold_sasl2(peer, offered);
}

fn finish_cold_sasl2(peer: &mut Peer, offered: &str) {
    show(peer, offered);
    let proof = scram2(peer, AUTHENTICATE, "");
    let inner = format!("{}{}", bound2(&format!("{ENABLED}{METADATA}")), token());
    peer.serve(&success2(&proof, JID, &inner));
    answer_greeting(peer);
}

fn cold_sasl2_without_bind2(peer: &mut Peer) {
    open_direct(peer);
    show(peer, &sasl2_with(""));
    let proof = scram2(peer, AUTHENTICATE, "");
    peer.serve(&success2(&proof, "juliet@example.org", ""));
    peer.serve(&features(AUTHENTICATED));
    answer_bind(peer);
}

pub(super) fn warm_fast_bind(peer: &mut Peer) {
    open_direct(peer);
    let proof = fast(peer, FAST_LOGIN, &EXPORTER);
    let success = success2(&proof, JID, &bound2(ENABLED));
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    answer_greeting(peer);
}

pub(super) fn warm_fast_resume(peer: &mut Peer) {
    open_starttls(peer);
    finish_fast_resume(peer, GREETED2);
}

/// The server resumes and has handled this number of stanzas.
pub(super) fn finish_fast_resume(peer: &mut Peer, h: u32) {
    let proof = fast(peer, FAST_LOGIN, &EXPORTER);
    let success = success2(&proof, JID, &resumed(h));
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    peer.is_online();
}

/// The session of this connection, resumed on another one after the server had handled this number of stanzas.
pub(super) fn resumed_from(peer: &Peer, h: u32) -> Peer {
    resumed_with(peer.knowledge(), h)
}

pub(super) fn resumed_with(knowledge: Knowledge, h: u32) -> Peer {
    let mut next = Setup::starttls().knowing(knowledge).start();
    open_starttls(&mut next);
    finish_fast_resume(&mut next, h);
    next
}

fn warm_fast_resume_failed(peer: &mut Peer) {
    open_direct(peer);
    let proof = fast(peer, FAST_LOGIN, &EXPORTER);
    let inner = format!("{}{}", sm_failed("h='4'"), bound2(ENABLED));
    let success = success2(&proof, JID, &inner);
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    answer_greeting(peer);
}

fn warm_fast_refused(peer: &mut Peer) {
    open_direct(peer);
    peer.sends(FAST_LOGIN);
    let refused = failure2("credentials-expired", "");
    peer.serve(&format!("{HEADER}{}{refused}", features(&sasl2())));
    let proof = scram2(peer, AUTHENTICATE, "");
    let inner = format!("{}{}", resumed(GREETED2), token());
    peer.serve(&success2(&proof, JID, &inner));
    peer.is_online();
    peer.finish();
}

fn warm_config_version_mismatch(peer: &mut Peer) {
    open_direct(peer);
    peer.sends(FAST_LOGIN);
    let mismatch = failure2(
        "aborted",
        "<config-version-mismatch xmlns='urn:xmpp:iap:0'/>",
    );
    let shown = features(&format!(
        "{}<config-version xmlns='urn:xmpp:iap:0' value='2'/>",
        sasl2()
    ));
    peer.serve(&format!("{HEADER}{shown}{mismatch}"));
    let proof = fast(peer, "authenticate HT-SHA-256-EXPR", &EXPORTER);
    peer.serve(&success2(&proof, JID, &resumed(GREETED2)));
    peer.is_online();
    peer.finish();
}

// -- early data

pub(super) fn early_data_accepted(peer: &mut Peer) {
    peer.connect();
    peer.early_data_ready(Some(END_POINT.to_vec()));
    let first = "ClientHello + header + authenticate HT-SHA-256-ENDP";
    let proof = fast(peer, first, &END_POINT);
    peer.tls_with(EarlyData::Accepted);
    let success = success2(&proof, JID, &resumed(GREETED2));
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2_early())));
    peer.is_online();
    peer.finish();
}

pub(super) fn early_data_rejected(peer: &mut Peer) {
    peer.connect();
    peer.early_data_ready(Some(END_POINT.to_vec()));
    peer.sends("ClientHello + header + authenticate HT-SHA-256-ENDP");
    peer.tls_with(EarlyData::Rejected);
    let proof = fast(peer, "header + authenticate HT-SHA-256-ENDP", &END_POINT);
    let success = success2(&proof, JID, &resumed(GREETED2));
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2_early())));
    peer.is_online();
    peer.finish();
}

/// The features of a server that takes bearer tokens.
pub(super) fn bearer_features(inline: &str) -> String {
    sasl2_with(inline).replace("SCRAM-SHA-256-PLUS", "OAUTHBEARER")
}

pub(super) fn cold_bearer_token(peer: &mut Peer) {
    open_direct(peer);
    peer.sends("header");
    peer.serve(&format!(
        "{HEADER}{}",
        features(&bearer_features(&format!("{}{SM}", bind2())))
    ));
    peer.provide(Ok(Secret::from("a-token")));
    finish_bearer_token(peer, "authenticate OAUTHBEARER");
}

fn warm_bearer_token(peer: &mut Peer) {
    peer.connect();
    peer.sends("ClientHello");
    peer.provide(Ok(Secret::from("a-token")));
    peer.tls();
    finish_bearer_token(peer, "header + authenticate OAUTHBEARER");
}

#[track_caller]
pub(super) fn finish_bearer_token(peer: &mut Peer, first: &str) {
    peer.sends(first);
    if first.starts_with("header") {
        let shown = bearer_features(&format!("{}{SM}", bind2()));
        peer.serve(&format!("{HEADER}{}", features(&shown)));
    }
    let is_known = first.starts_with("header");
    let metadata = if is_known { "" } else { METADATA };
    let bound = bound2(&format!("{ENABLED}{metadata}"));
    peer.serve(&success2("", JID, &bound));
    answer_greeting(peer);
}

fn closed_cleanly(peer: &mut Peer) {
    cold_sasl2_direct(peer);
    peer.serve(MESSAGE);
    peer.command(Command::Close);
    peer.sends("a + close");
    peer.serve(CLOSE);
    peer.finish();
}
