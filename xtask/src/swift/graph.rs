//! What the library is made of on a phone, and not elsewhere.
//!
//! The App Store refuses apps that use private interfaces, and a crate that binds them is easily drawn in: resolvers that
//! read the system's name servers bring `SCDynamicStore`, which iOS does not have for apps.

use std::collections::BTreeSet;

use crate::tool::{self, cargo};

const PHONE: &str = "aarch64-apple-ios";
const ELSEWHERE: &str = "x86_64-unknown-linux-gnu";
/// What came in with Apple's systems and was looked at: certificates, for the platform's verifier, and `errno`.
const LOOKED_AT: [&str; 5] = [
    "core-foundation",
    "core-foundation-sys",
    "errno",
    "security-framework",
    "security-framework-sys",
];

/// Whatever else binds Apple's systems is looked at before it ships.
pub(super) fn check() -> Result<(), String> {
    let elsewhere = crates(ELSEWHERE)?;
    let phone = crates(PHONE)?;
    let found: Vec<&str> = phone.difference(&elsewhere).map(String::as_str).collect();
    if found == LOOKED_AT {
        return Ok(());
    }
    Err(format!(
        "the library for {PHONE} has of its own {found:?}; looked at were {LOOKED_AT:?}"
    ))
}

fn crates(target: &str) -> Result<BTreeSet<String>, String> {
    let arguments = [
        "tree",
        "--locked",
        "--package",
        "snapback-ffi",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--target",
        target,
    ];
    Ok(names(&tool::output(&mut cargo(&arguments))?))
}

/// The first word of each line.
fn names(listed: &str) -> BTreeSet<String> {
    let words = listed.lines().filter_map(|line| line.split(' ').next());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_named_once() {
        let listed = "snapback-ffi v0.1.0 (/somewhere)\nerrno v0.3.1\n\nerrno v0.3.1 (*)\n";
        let expected = ["errno", "snapback-ffi"].map(str::to_owned);
        assert_eq!(names(listed), expected.into());
    }
}
