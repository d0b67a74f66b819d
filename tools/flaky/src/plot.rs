//! A plot as SVG: a row for each network, times on a logarithmic axis.

use std::fmt::Write as _;
use std::time::Duration;

/// What is drawn for a network.
#[derive(Debug, Clone)]
pub(crate) struct Strip {
    pub(crate) name: String,
    pub(crate) rtt: Duration,
    /// The most flights that a reconnect was planned with, and the time that they take at least.
    pub(crate) planned: Option<(u32, Duration)>,
    /// How many cuts led to a new connection, of how many.
    pub(crate) reconnected: (usize, usize),
    /// From the first packet to the session.
    pub(crate) login: Option<Spread>,
    /// From the network's return to the server's first word.
    pub(crate) back: Spread,
}

/// How times are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) p10: Duration,
    pub(crate) median: Duration,
    pub(crate) p90: Duration,
}

impl Spread {
    /// `None` if there are none.
    pub(crate) fn of(times: impl Iterator<Item = Duration>) -> Option<Self> {
        let mut sorted: Vec<Duration> = times.collect();
        sorted.sort();
        let last = sorted.len().checked_sub(1)?;
        let at = |tenths: usize| sorted.get((last * tenths + 5) / 10).copied();
        Some(Self {
            p10: at(1)?,
            median: at(5)?,
            p90: at(9)?,
        })
    }
}

const WIDTH: f64 = 880.0;
const LEFT: f64 = 330.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 86.0;
const ROW: f64 = 44.0;
const BOTTOM: f64 = 46.0;

/// The axis, in seconds.
const FIRST: f64 = 0.03;
const LAST: f64 = 30.0;
const TICKS: [(f64, &str); 7] = [
    (0.03, "30 ms"),
    (0.1, "100 ms"),
    (0.3, "300 ms"),
    (1.0, "1 s"),
    (3.0, "3 s"),
    (10.0, "10 s"),
    (30.0, "30 s"),
];

/// Colours that are read on white and on black; the media query chooses for a page that follows the system.
const STYLE: &str = "text { font: 13px system-ui, sans-serif; fill: #1f2328 } .small { font-size: 11px; fill: #59636e } \
    .title { font-size: 16px; font-weight: 600 } .grid { stroke: #d1d9e0; stroke-width: 1 } .back { fill: #9cc3f0 } \
    .back-median { stroke: #0969da; stroke-width: 3 } .login { fill: #f4c095 } \
    .login-median { stroke: #bc4c00; stroke-width: 3 } .planned { fill: none; stroke: #1f2328; stroke-width: 1.6 } \
    .page { fill: #ffffff } \
    @media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .small { fill: #9198a1 } .grid { stroke: #3d444d } \
    .back { fill: #1f4a80 } .back-median { stroke: #6cb6ff } .login { fill: #6e3a12 } .login-median { stroke: #f0883e } \
    .planned { stroke: #f0f6fc } .page { fill: #0d1117 } }";

/// The plot.
pub(crate) fn svg(strips: &[Strip]) -> String {
    #[allow(clippy::cast_precision_loss, reason = "there are a dozen")]
    let rows = strips.len() as f64;
    let height = TOP + rows * ROW + BOTTOM;
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Time to be back online, per network">"#
    );
    let _ = writeln!(svg, "<style>{STYLE}</style>");
    let _ = writeln!(
        svg,
        r#"<rect class="page" width="{WIDTH}" height="{height}" rx="6"/>"#
    );
    legend(&mut svg);
    axis(&mut svg, TOP + rows * ROW);
    let mut y = TOP;
    for strip in strips {
        row(&mut svg, strip, y);
        y += ROW;
    }
    svg.push_str("</svg>\n");
    svg
}

fn legend(svg: &mut String) {
    let _ = writeln!(
        svg,
        r#"<text class="title" x="20" y="28">Time to be back online, per network</text>"#
    );
    let y = 52.0;
    let entries = [
        (20.0, "login", "login: first packet to session"),
        (250.0, "back", "back: network's return to first word"),
    ];
    for (x, class, label) in entries {
        bar(svg, class, x, x + 26.0, y - 9.0);
        tick(svg, class, x + 13.0, y - 9.0);
        let _ = writeln!(svg, r#"<text x="{}" y="{y}">{label}</text>"#, x + 34.0);
    }
    diamond(svg, 535.0, y - 4.5);
    let _ = writeln!(
        svg,
        r#"<text x="548" y="{y}">planned round trips × round trip time</text>"#
    );
    let _ = writeln!(
        svg,
        r#"<text class="small" x="20" y="70">bars: 10th to 90th percentile; line: median; time axis is logarithmic</text>"#
    );
}

fn axis(svg: &mut String, bottom: f64) {
    for (seconds, label) in TICKS {
        let x = x(seconds);
        let _ = writeln!(
            svg,
            r#"<line class="grid" x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{bottom}"/>"#
        );
        let _ = writeln!(
            svg,
            r#"<text class="small" x="{x:.1}" y="{}" text-anchor="middle">{label}</text>"#,
            bottom + 18.0
        );
    }
}

fn row(svg: &mut String, strip: &Strip, y: f64) {
    let (new, all) = strip.reconnected;
    let _ = writeln!(
        svg,
        r#"<text x="20" y="{}">{}</text>"#,
        y + 18.0,
        strip.name
    );
    let planned = strip.planned.map_or_else(String::new, |(flights, _)| {
        format!(", {flights} round trips planned")
    });
    let _ = writeln!(
        svg,
        r#"<text class="small" x="20" y="{}">{} ms{planned}; {new} of {all} reconnected</text>"#,
        y + 33.0,
        strip.rtt.as_millis()
    );
    spread(svg, "back", strip.back, y + 25.0);
    if let Some(login) = strip.login {
        spread(svg, "login", login, y + 10.0);
    }
    if let Some((_, ideal)) = strip.planned {
        diamond(svg, x(ideal.as_secs_f64()), y + 14.5);
    }
}

fn spread(svg: &mut String, class: &str, spread: Spread, y: f64) {
    let [low, median, high] =
        [spread.p10, spread.median, spread.p90].map(|time| x(time.as_secs_f64()));
    // What is hardly spread is still seen.
    bar(svg, class, low, high.max(low + 2.0), y);
    tick(svg, class, median, y);
}

fn bar(svg: &mut String, class: &str, from: f64, to: f64, y: f64) {
    let _ = writeln!(
        svg,
        r#"<rect class="{class}" x="{from:.1}" y="{y}" width="{:.1}" height="9" rx="2"/>"#,
        to - from
    );
}

fn tick(svg: &mut String, class: &str, x: f64, y: f64) {
    let _ = writeln!(
        svg,
        r#"<line class="{class}-median" x1="{x:.1}" y1="{}" x2="{x:.1}" y2="{}"/>"#,
        y - 1.5,
        y + 10.5
    );
}

fn diamond(svg: &mut String, x: f64, y: f64) {
    let _ = writeln!(
        svg,
        r#"<path class="planned" d="M{:.1} {y} L{x:.1} {:.1} L{:.1} {y} L{x:.1} {:.1} Z"/>"#,
        x - 6.0,
        y - 6.0,
        x + 6.0,
        y + 6.0
    );
}

/// Where a time stands on the axis; what is beyond it stands at its end.
fn x(seconds: f64) -> f64 {
    let share = (seconds.clamp(FIRST, LAST) / FIRST).ln() / (LAST / FIRST).ln();
    LEFT + share * (WIDTH - LEFT - RIGHT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let times = (0..=10).rev().map(Duration::from_secs);
        let spread = Spread::of(times).expect("there are eleven");
        let [p10, median, p90] = [1, 5, 9].map(Duration::from_secs);
        assert_eq!(spread, Spread { p10, median, p90 });
        assert_eq!(Spread::of(std::iter::empty()), None);
    }

    #[test]
    fn the_axis_begins_and_ends_within_the_page() {
        assert!((x(0.0) - LEFT).abs() < 1e-9);
        assert!((x(1e9) - (WIDTH - RIGHT)).abs() < 1e-9);
    }
}
