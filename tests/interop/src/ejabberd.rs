//! ejabberd as Debian packages it: 24.12 of the backports, and 23.01 of the release.
//!
//! The packaged configuration is used section by section. Only domain, certificate, listeners (without `c2s_shaper`,
//! since 3000 B/s would dominate every measurement) and the resumption window are replaced. Archive and, where
//! available, tokens are added (`mod_mam`, `mod_auth_fast`), which the package has but does not enable. It runs without
//! Erlang distribution: no node name, no `epmd`, no process that outlives it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::packages;
use crate::process::Launch;
use crate::server::Site;
use crate::{DOMAIN, Flavour, StartError};

/// Top-level sections of the packaged configuration that the test writes itself.
const REPLACED_SECTIONS: [&str; 3] = ["hosts:", "certfiles:", "listen:"];

const MODULES: &str = "\nmodules:\n";
const STREAM_MANAGEMENT: &str = "\n  mod_stream_mgmt:\n";

/// Writes the configuration and says how to start; the accounts are created as part of the start.
pub(crate) fn prepare(site: &Site) -> Result<Launch, StartError> {
    let root = packages::unpacked(site.config.flavour.packages())?;
    let packaged = root.join("usr/share/ejabberd/ejabberd.yml.example");
    let text = fs::read_to_string(&packaged)
        .map_err(StartError::io("reading the packaged configuration"))?;
    let config = configuration(site, &text).map_err(|missing| StartError::PackagedConfig {
        file: packaged,
        missing,
    })?;
    let write = |name: &str, text: &str| {
        fs::write(site.folder.join(name), text)
            .map_err(StartError::io(format!("writing ejabberd's {name}")))
    };
    write("ejabberd.yml", &config)?;
    let ready_file = site.folder.join("ready");
    write("accounts.eval", &accounts(site, &ready_file))?;

    let erlang = root.join("usr/lib/erlang");
    let binaries = packages::versioned(&erlang, "erts-")?.join("bin");
    let folder = site.folder.display();
    let libraries = format!(
        "{}/usr/lib/{}-linux-gnu",
        root.display(),
        std::env::consts::ARCH
    );
    let arguments = [
        "-noinput".to_owned(),
        "-mnesia".to_owned(),
        "dir".to_owned(),
        format!("{:?}", format!("{folder}/spool")),
        "-s".to_owned(),
        "ejabberd".to_owned(),
        "-eval".to_owned(),
        format!("ok = file:eval({:?}).", format!("{folder}/accounts.eval")),
    ];
    Ok(Launch {
        program: binaries.join("erlexec"),
        arguments: arguments.map(Into::into).into(),
        environment: vec![
            ("ROOTDIR", erlang.into()),
            ("BINDIR", binaries.into()),
            ("EMU", "beam".into()),
            ("PROGNAME", "erl".into()),
            ("HOME", site.folder.clone().into()),
            ("ERL_LIBS", libraries.clone().into()),
            ("ERL_CRASH_DUMP", format!("{folder}/crash.dump").into()),
            ("LD_LIBRARY_PATH", libraries.into()),
            (
                "EJABBERD_CONFIG_PATH",
                format!("{folder}/ejabberd.yml").into(),
            ),
            ("EJABBERD_LOG_PATH", format!("{folder}/ejabberd.log").into()),
        ],
        ready_file: Some(ready_file),
    })
}

/// The packaged configuration with what the test replaces; an error names the line that was not found.
fn configuration(site: &Site, packaged: &str) -> Result<String, &'static str> {
    let mut config = without_sections(packaged);
    for anchor in [MODULES, STREAM_MANAGEMENT] {
        if !config.contains(anchor) {
            return Err(anchor.trim());
        }
    }
    let tokens = match site.config.flavour {
        Flavour::Ejabberd => "  mod_auth_fast: {}\n",
        _ => "",
    };
    let uploads = match site.config.uploads {
        true => format!("  mod_http_upload:\n    put_url: https://upload.{DOMAIN}/upload\n"),
        false => String::new(),
    };
    config = config.replacen(
        MODULES,
        &format!("{MODULES}{tokens}{uploads}  mod_mam:\n    default: always\n"),
        1,
    );
    let window = site.config.resume_window_s;
    config = config.replacen(
        STREAM_MANAGEMENT,
        &format!("{STREAM_MANAGEMENT}    resume_timeout: {window}\n"),
        1,
    );

    let folder = site.folder.display();
    let (chain, key) = (site.chain_path(), site.key_path());
    let (chain, key) = (chain.display(), key.display());
    let _ = write!(
        config,
        "\nhosts: [{DOMAIN:?}]\ncertfiles: [\"{chain}\", \"{key}\"]\nca_file: \"{folder}/ca.pem\"\nlisten:\n"
    );
    let address = site.config.address;
    for (port, tls) in [
        (site.starttls_port, "starttls_required"),
        (site.direct_port, "tls"),
    ] {
        let _ = writeln!(
            config,
            "  - {{port: {port}, ip: \"{address}\", module: ejabberd_c2s, max_stanza_size: 262144, access: c2s, \
             {tls}: true, protocol_options: 'TLS_OPTIONS'}}"
        );
    }
    Ok(config)
}

/// Drops the replaced top-level sections, each with the indented or commented lines that belong to it.
fn without_sections(packaged: &str) -> String {
    let mut kept = String::new();
    let mut dropping = false;
    for line in packaged.lines() {
        if line.starts_with(|first: char| first.is_ascii_alphabetic()) {
            dropping = REPLACED_SECTIONS
                .iter()
                .any(|section| line.starts_with(section));
        }
        if !dropping {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Returns Erlang expressions that create the accounts (an existing one is no error) and then report that everything is
/// up.
fn accounts(site: &Site, ready_file: &Path) -> String {
    let mut script = String::new();
    for credentials in &site.accounts {
        let (localpart, password) = (credentials.localpart(), &credentials.password);
        let _ = writeln!(
            script,
            "case ejabberd_auth:try_register(<<{localpart:?}>>, <<{DOMAIN:?}>>, <<{password:?}>>) of \
             ok -> ok; {{error, exists}} -> ok end."
        );
    }
    let _ = writeln!(
        script,
        "ok = file:write_file({:?}, <<>>).",
        ready_file.display().to_string()
    );
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_sections_go_with_all_their_lines() {
        let packaged = "loglevel: info\nlisten:\n  -\n    port: 5222\n\n  # more\nmodules:\n  mod_roster: {}\n";
        assert_eq!(
            without_sections(packaged),
            "loglevel: info\nmodules:\n  mod_roster: {}\n"
        );
    }
}
