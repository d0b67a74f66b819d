//! Prosody as Debian packages it: 13.0 of the backports, with the community modules of `prosody-modules`, and 0.12 of the
//! release.
//!
//! The packaged configuration is used up to its first `VirtualHost`; what follows here changes only locations (ports,
//! folders, certificate) and the packaged rate limit of 10 kB/s, which a test must not measure.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Launch;
use crate::server::Site;
use crate::{DOMAIN, Flavour, StartError, packages};

/// The modules of `prosody-modules` that make Prosody a modern server: XEP-0388, XEP-0386, XEP-0198 inline, XEP-0484
/// and XEP-0474.
const MODERN_MODULES: [&str; 5] = [
    "sasl2",
    "sasl2_bind2",
    "sasl2_sm",
    "sasl2_fast",
    "sasl_ssdp",
];

/// Where our own modules are.
const OWN_MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/prosody");

const PACKAGED_SOURCES: &str = "'/usr/lib/prosody";

/// Writes the configuration, creates the accounts and says how to start.
pub(crate) fn prepare(site: &Site) -> Result<Launch, StartError> {
    let root = packages::unpacked(site.config.flavour.packages())?;
    let packaged = root.join("etc/prosody/prosody.cfg.lua");
    let text = read(&packaged)?;
    let head = text.find("\nVirtualHost ").and_then(|end| text.get(..end));
    let head = head.ok_or(StartError::PackagedConfig {
        file: packaged,
        missing: "VirtualHost",
    })?;
    let config = site.folder.join("prosody.cfg.lua");
    write(&config, &format!("{head}\n{}", overrides(site)))?;
    fs::create_dir_all(site.folder.join("data"))
        .map_err(StartError::io("creating Prosody's data folder"))?;

    relocated(&root, site, "prosodyctl")?;
    for credentials in &site.accounts {
        let localpart = credentials.localpart();
        control(
            site,
            &["register", localpart, DOMAIN, &credentials.password],
        )?;
    }

    let arguments = [
        relocated(&root, site, "prosody")?.into(),
        "-F".into(),
        "--config".into(),
        OsString::from(config),
    ];
    Ok(Launch {
        program: root.join("usr/bin/lua5.4"),
        arguments: arguments.into(),
        environment: environment(&root).into(),
        ready_file: None,
    })
}

/// Where it keeps its message archive.
pub(crate) fn archive(site: &Site) -> PathBuf {
    let host = DOMAIN.replace('.', "%2e");
    site.folder.join("data").join(host).join("archive")
}

/// Runs `prosodyctl` on a prepared site.
pub(crate) fn control(site: &Site, arguments: &[&str]) -> Result<(), StartError> {
    let root = packages::unpacked(site.config.flavour.packages())?;
    let mut command = Command::new(root.join("usr/bin/lua5.4"));
    command.arg(site.folder.join("prosodyctl.lua"));
    command
        .arg("--config")
        .arg(site.folder.join("prosody.cfg.lua"));
    let output = command.args(arguments).envs(environment(&root)).output();
    let output = output.map_err(StartError::io("running prosodyctl"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(StartError::Command {
        program: format!("prosodyctl {}", arguments.first().unwrap_or(&"")),
        tail: packages::tail_of(&output),
    })
}

/// The packaged script with its compiled-in folder moved to where the package was unpacked.
fn relocated(root: &Path, site: &Site, script: &str) -> Result<PathBuf, StartError> {
    let packaged = root.join("usr/bin").join(script);
    let text = read(&packaged)?;
    if !text.contains(PACKAGED_SOURCES) {
        return Err(StartError::PackagedConfig {
            file: packaged,
            missing: PACKAGED_SOURCES,
        });
    }
    let path = site.folder.join(format!("{script}.lua"));
    write(
        &path,
        &text.replace(
            PACKAGED_SOURCES,
            &format!("'{}/usr/lib/prosody", root.display()),
        ),
    )?;
    Ok(path)
}

fn environment(root: &Path) -> [(&'static str, OsString); 3] {
    let root = root.display();
    let libraries = format!("{root}/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    [
        (
            "LUA_PATH",
            format!("{root}/usr/share/lua/5.4/?.lua;{root}/usr/share/lua/5.4/?/init.lua").into(),
        ),
        ("LUA_CPATH", format!("{libraries}/lua/5.4/?.so").into()),
        ("LD_LIBRARY_PATH", libraries.into()),
    ]
}

fn overrides(site: &Site) -> String {
    let folder = site.folder.display();
    let (starttls, direct) = (site.starttls_port, site.direct_port);
    let (chain, key) = (site.chain_path(), site.key_path());
    let (chain, key) = (chain.display(), key.display());
    let (modern, quickstart) = match site.config.flavour {
        Flavour::ProsodyModern => (true, false),
        Flavour::ProsodyQuickstart => (false, true),
        Flavour::ProsodyModernQuickstart => (true, true),
        _ => (false, false),
    };
    let modules = std::iter::once("mam")
        .chain(MODERN_MODULES.into_iter().filter(|_| modern))
        .chain(std::iter::once("quickstart").filter(|_| quickstart));
    let modules: String = modules.map(|module| format!("{module:?}; ")).collect();
    // Of the host, because 0.12 cannot append to a list that was set before.
    let modules = match site.config.flavour {
        Flavour::Prosody012Bare => "modules_disabled = { \"smacks\"; \"carbons\"; }".to_owned(),
        _ => format!("modules_enabled = {{ {modules}}}"),
    };
    let protocol = match site.config.flavour {
        Flavour::Prosody012Tls12 => "protocol = \"tlsv1_2\"; ",
        _ => "",
    };
    let quickstart = match quickstart {
        true => {
            format!("plugin_paths = {{ {OWN_MODULES:?} }}\nquickstart_resume_before_sasl = true")
        }
        false => String::new(),
    };
    let nagle = match site.config.nagle {
        true => "",
        false => "network_settings = { nagle = false }",
    };
    let tickets = match site.config.tickets {
        true => "options = { no_ticket = false }; ",
        false => "",
    };
    let ssl = format!(
        "{{ key = {:?}; certificate = {:?}; {tickets}{protocol}}}",
        key.to_string(),
        chain.to_string()
    );
    let uploads = match site.config.uploads {
        true => format!(
            "Component \"upload.{DOMAIN}\" \"http_file_share\"\nhttp_external_url = \"https://upload.{DOMAIN}/\"\n\
             http_file_share_size_limit = 20000"
        ),
        false => String::new(),
    };
    let window = site.config.resume_window_s;
    let address = site.config.address;
    format!(
        r#"-- What the test changes:
run_as_root = true
data_path = "{folder}/data"
pidfile = "{folder}/prosody.pid"
log = {{ {{ levels = {{ min = "info" }}; to = "console" }} }}
certificates = "{folder}"
interfaces = {{ "{address}" }}
c2s_ports = {{ {starttls} }}
c2s_direct_tls_ports = {{ {direct} }}
s2s_ports = {{ }}
s2s_direct_tls_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
limits = {{ }}
{nagle}
{quickstart}
smacks_hibernation_time = {window}
c2s_direct_tls_ssl = {ssl}
VirtualHost "{DOMAIN}"
ssl = {ssl}
{modules}
{uploads}
Component "conference.{DOMAIN}" "muc"
modules_enabled = {{ "muc_mam" }}
restrict_room_creation = false
"#
    )
}

fn read(path: &Path) -> Result<String, StartError> {
    fs::read_to_string(path).map_err(StartError::io(format!("reading {}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), StartError> {
    fs::write(path, text).map_err(StartError::io(format!("writing {}", path.display())))
}
