
/// Returns whether this is the mistake that was chosen for this process, in the variable `SNAPBACK_MISTAKE`.
pub fn planted(mistake: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| std::env::var("SNAPBACK_MISTAKE").ok());
    chosen.as_deref() == Some(mistake)
}
