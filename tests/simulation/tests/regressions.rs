//! Every script in `regressions` once revealed a bug. None fails any more.
#![allow(clippy::expect_used, reason = "a test")]

use std::path::Path;

use snapback_simulation::{Options, Script, run};

#[test]
fn scripts_that_failed_once_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a script");
        let script: Script = text.parse().expect("a script");
        // Some revealed a duplicate that an archive could have prevented.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let strict = name.starts_with("strict-");
        let options = Options {
            strict,
            ..Options::default()
        };
        let outcome = run(&script, options);
        assert_eq!(outcome.violation, None, "{}", path.display());
        replayed += 1;
    }
    assert!(replayed > 0);
}
