//! The password that an app passes to the core.

use std::fmt;

use snapback_client::Secret;

/// A password. In Kotlin and Swift it is a `String`; here it does not print, and is wiped from memory when dropped
/// (rule T9).
///
/// It is passed as an argument of its own, never as a field of a record. The buffer in which an argument arrives
/// becomes this value, so no second copy remains unwiped. The records of Kotlin and Swift, in contrast, print all of
/// their fields.
#[derive(Clone)]
pub struct Password(Secret<String>);

uniffi::custom_type!(Password, String, {
    try_lift: |text| Ok(Password(Secret::new(text))),
    lower: |password| password.0.expose().clone(),
});

impl Password {
    /// Returns the password for the core.
    pub(crate) fn into_secret(self) -> Secret<String> {
        self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use snapback_client::Credentials;
    use uniffi::{Lift, Lower};

    use super::*;
    use crate::config::{
        self, CoreConfig, DangerousTrust, Identity, LoginPolicy, Storage, Timeouts,
    };
    use crate::platform::NameSystem;

    const PLANTED: &str = "correct horse battery staple 4711";

    fn planted() -> Password {
        let argument = <String as Lower<crate::UniFfiTag>>::lower(PLANTED.to_owned());
        <Password as Lift<crate::UniFfiTag>>::try_lift(argument).unwrap()
    }

    fn config(account: &str) -> CoreConfig {
        CoreConfig {
            account: account.to_owned(),
            resource: "test".to_owned(),
            storage: Storage::Memory,
            policy: LoginPolicy::default(),
            timeouts: Timeouts::default(),
            servers: Vec::new(),
            name_servers: None,
            proxy: None,
            connects: false,
            system: NameSystem::Other,
            identity: Identity {
                name: "Test".to_owned(),
                kind: "phone".to_owned(),
                node: "urn:test".to_owned(),
                features: Vec::new(),
                requests: Vec::new(),
                device: None,
            },
            receipts: None,
            carbons: true,
            presence: true,
            roster: true,
            catch_up: None,
            max_stanza: None,
            dangerous_trust: Some(DangerousTrust {
                only_these_roots_pem: String::new(),
            }),
        }
    }

    #[test]
    fn t9_the_password_shows_in_nothing_that_prints() {
        let password = planted();
        let mut printed = format!("{password:?} {password:#?}");
        for account in ["juliet@example.org", "example.org", "@", PLANTED] {
            let config = config(account);
            printed += &format!("{config:?}").replace(&format!("{account:?}"), "");
            let credentials = Credentials::Password(password.clone().into_secret());
            match config::prepare(config, credentials, None) {
                Ok((prepared, report)) => printed += &format!("{prepared:?} {report:?}"),
                Err(error) => printed += &format!("{error:?} {error}"),
            }
        }
        assert!(!printed.contains(PLANTED), "T9: {printed}");
        assert!(!printed.contains(&format!("{:?}", PLANTED.as_bytes())));
    }

    #[test]
    fn t9_the_buffer_of_the_argument_becomes_the_secret() {
        let text = PLANTED.to_owned();
        let address = text.as_ptr();
        let argument = <String as Lower<crate::UniFfiTag>>::lower(text);
        let password = <Password as Lift<crate::UniFfiTag>>::try_lift(argument).unwrap();
        assert_eq!(password.0.expose().as_ptr(), address, "a copy was made");
        assert_eq!(password.into_secret().expose(), PLANTED);
    }

    /// Records and enums print all of their fields, here and in the other languages.
    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .flat_map(|path| match path.is_dir() {
                true => sources(&path),
                false => vec![path],
            })
            .collect()
    }

    #[test]
    fn t9_no_record_and_no_enum_has_a_field_for_a_secret() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let (mut seen, mut types) = (0, 0);
        for path in sources(folder.as_ref()) {
            let source = fs::read_to_string(path).unwrap();
            let source = source.split("#[cfg(test)]").next().unwrap();
            for derived in source.split("#[derive(").skip(1) {
                let (derives, rest) = derived.split_once(")]").unwrap();
                if !derives.contains("uniffi::") || derives.contains("uniffi::Object") {
                    continue;
                }
                types += 1;
                // The declaration ends with the line of its closing brace.
                let declaration = rest.split("\n}").next().unwrap();
                for line in declaration.lines().map(str::trim) {
                    let Some((name, kind)) = line.split_once(": ") else {
                        continue;
                    };
                    if line.starts_with("//") || line.starts_with('#') {
                        continue;
                    }
                    seen += 1;
                    let name = name.trim_start_matches("pub ");
                    let words = ["password", "token", "secret", "credential", "passphrase"];
                    let is_text = kind.contains("String") || kind.contains("Vec<u8>");
                    let is_named = words.iter().any(|word| name.contains(word));
                    // Of a room: it is in messages and items that other users send and read as they are.
                    let of_rooms = [
                        "struct RoomInvitation",
                        "enum RoomMessage",
                        "struct Bookmark",
                    ];
                    let is_of_room = of_rooms.iter().any(|one| declaration.contains(one));
                    assert!(!(is_text && is_named) || is_of_room, "T9: {line}");
                    assert!(!kind.contains("Password"), "T9: {line}");
                }
            }
        }
        assert!(types > 40 && seen > 100, "{types} types, {seen} fields");
    }
}
