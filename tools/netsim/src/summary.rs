//! What is printed.

use std::fmt::Write as _;

use snapback_netsim::packets::{CutKind, PipeStats, Profile, Stats};

/// What became of the packets.
pub(crate) fn text(stats: &Stats, cuts: u32) -> String {
    let mut text = String::new();
    let columns = [
        "",
        "sent",
        "bytes",
        "delivered",
        "lost",
        "queue full",
        "cut",
        "forgotten",
        "too long",
        "reordered",
    ];
    let row = |cells: &[String]| {
        let mut line = String::from("netsim: ");
        for (index, cell) in cells.iter().enumerate() {
            let _ = match index {
                0 => write!(line, "{cell:<10}"),
                _ => write!(line, "{cell:>11}"),
            };
        }
        line.push('\n');
        line
    };
    text.push_str(&row(&columns.map(str::to_owned)));
    for (way, stats) in [
        ("to server", &stats.to_server),
        ("to client", &stats.to_client),
    ] {
        text.push_str(&row(&cells(way, stats)));
    }
    let _ = writeln!(text, "netsim: {cuts} cuts");
    text
}

fn cells(way: &str, stats: &PipeStats) -> [String; 10] {
    [
        way.to_owned(),
        stats.sent.to_string(),
        stats.sent_bytes.to_string(),
        stats.delivered.to_string(),
        stats.lost.to_string(),
        stats.overflowed.to_string(),
        stats.cut.to_string(),
        stats.forgotten.to_string(),
        stats.too_long.to_string(),
        stats.reordered.to_string(),
    ]
}

/// What begins.
pub(crate) fn begin(kind: CutKind) -> &'static str {
    match kind {
        CutKind::Blackhole => "packets vanish",
        CutKind::LinkDown | CutKind::LinkDownNewAddress => "the interface is down",
        CutKind::NewAddress => "there is another address, the old one still works",
        CutKind::NatForgets => "address translation has forgotten all flows",
        CutKind::CaptivePortal => "a captive portal is in the way",
    }
}

/// The profiles, a line each.
pub(crate) fn list(profiles: &[Profile]) -> String {
    let mut text = String::new();
    for profile in profiles {
        let _ = writeln!(text, "{:<18} {}", profile.name, profile.about);
    }
    text
}
