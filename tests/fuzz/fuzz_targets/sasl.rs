//! SCRAM and HT with a hostile server: a login succeeds only with the one proof that requires the secret.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;
use snapback_proto::sasl::{
    ChannelBindingType, ChannelBindings, ExpectServerFirst, Gs2, Hash, HtBinding, Offer, Profile,
    ScramKeys, TlsVersion, ht,
};
use snapback_proto::secret::Secret;

const NONCE: &str = "fyko+d2lbbFgONRv9qkxdawL";
const SERVER_KEY: [u8; 32] = [2; 32];
const TOKEN: &str = "WXZzciBwYmFmdmZnZiBqdmd1IGp2eXFyYWZm";
const BINDING: [u8; 32] = [3; 32];

// A control byte, then lines: the server's first message, its final one. `NONCE` in the first is replaced by ours,
// `PROOF` in the last by the right signature: neither could be found by chance.
fuzz_target!(|input: &[u8]| {
    let Some((&control, script)) = input.split_first() else {
        return;
    };
    let mut lines = script.splitn(2, |&byte| byte == b'\n');
    let first = replaced(lines.next().unwrap_or_default(), "NONCE", NONCE.as_bytes());
    let last = lines.next().unwrap_or_default();
    scram(control, &first, last);
    hashed_token(control, last);
});

fn scram(control: u8, first: &[u8], last: &[u8]) {
    let gs2 = match control & 3 {
        0 => Gs2::Unsupported,
        1 => Gs2::NothingInCommon,
        2 => Gs2::NotOffered,
        _ => Gs2::Bound(ChannelBindingType::TlsExporter, BINDING.to_vec()),
    };
    let offer = Offer {
        profile: if control & 4 == 0 {
            Profile::Sasl1
        } else {
            Profile::Sasl2
        },
        mechanisms: vec!["SCRAM-SHA-256".to_owned(), "SCRAM-SHA-256-PLUS".to_owned()],
        channel_bindings: (control & 8 == 0).then(|| vec!["tls-exporter".to_owned()]),
    };
    let state = ExpectServerFirst::new(
        Hash::Sha256,
        "us,er=",
        NONCE,
        gs2,
        &offer,
        TlsVersion::Tls13,
    );
    let initial = String::from_utf8(state.initial_response()).expect("text");
    let Ok(need_keys) = state.server_first(first) else {
        return;
    };
    let rounds = need_keys.key_id().iterations;
    assert!((4096..=600_000).contains(&rounds), "{rounds}");
    let first = std::str::from_utf8(first).expect("what was accepted is text");
    let added = first
        .strip_prefix("r=")
        .and_then(|rest| rest.strip_prefix(NONCE));
    assert!(
        added.is_some_and(|added| !added.starts_with(',')),
        "{first}"
    );

    let keys = ScramKeys::restore(
        Hash::Sha256,
        Secret::new(vec![1; 32]),
        Secret::new(SERVER_KEY.to_vec()),
    );
    let (response, state) = need_keys.respond(&keys.expect("keys of the right size"));
    let response = String::from_utf8(response).expect("text");
    let (without_proof, _) = response.rsplit_once(",p=").expect("a proof");
    let (_, bare) = initial.split_once(",,").expect("a header");
    let proof = hmac(
        &SERVER_KEY,
        &[format!("{bare},{first},{without_proof}").as_bytes()],
    );
    let right = format!("v={}", STANDARD.encode(proof));
    let last = replaced(last, "PROOF", right.as_bytes());
    let succeeded = state.server_final(&last).is_ok();
    let rest = last.strip_prefix(right.as_bytes());
    assert!(!succeeded || rest.is_some_and(|rest| rest.is_empty() || rest[0] == b','));
    assert!(succeeded || last != right.as_bytes());
}

fn hashed_token(control: u8, data: &[u8]) {
    let bindings = ChannelBindings {
        tls_exporter: (control & 16 == 0).then(|| BINDING.to_vec()),
        tls_server_end_point: (control & 32 == 0).then(|| BINDING.to_vec()),
    };
    let token = Secret::from(TOKEN);
    for binding in [HtBinding::None, HtBinding::Exporter, HtBinding::EndPoint] {
        let bound: &[u8] = match binding {
            HtBinding::None => &[],
            HtBinding::Exporter | HtBinding::EndPoint => &BINDING,
        };
        let right = hmac(TOKEN.as_bytes(), &[b"Responder", bound]);
        let data = replaced(data, "PROOF", &right);
        let succeeded = ht::verify(binding, &token, &bindings, &data).is_ok();
        let can_bind = match binding.channel_binding() {
            None => true,
            Some(kind) => bindings.get(kind).is_some(),
        };
        assert_eq!(succeeded, can_bind && data == right, "{binding:?}");
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

fn replaced(text: &[u8], what: &str, by: &[u8]) -> Vec<u8> {
    let at = text
        .windows(what.len())
        .position(|window| window == what.as_bytes());
    match at {
        None => text.to_vec(),
        Some(at) => [&text[..at], by, &text[at + what.len()..]].concat(),
    }
}
