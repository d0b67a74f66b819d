//! XML escaping for apps.

use snapback_client as core;

/// Escapes text for use in an element or an attribute.
#[uniffi::export]
pub fn escape_xml(text: String) -> String {
    core::escape_xml(&text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        let mut found = Vec::new();
        for path in entries.map(|entry| entry.unwrap().path()) {
            match path.extension() {
                _ if path.is_dir() => found.extend(sources(&path)),
                Some(ending) if ending == "kt" || ending == "swift" => found.push(path),
                _ => {}
            }
        }
        found
    }

    /// XML elements are written in Rust, once for all languages.
    #[test]
    fn no_other_language_writes_xml() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (folder, least) in [
            ("android/src/main/kotlin", 20),
            ("ios/Sources/Snapback", 20),
        ] {
            let sources = sources(&root.join(folder));
            assert!(sources.len() >= least, "{folder}: {}", sources.len());
            for path in sources {
                let text = fs::read_to_string(&path).unwrap();
                for (number, line) in text.lines().enumerate() {
                    let code = line.trim_start();
                    let is_comment = code.starts_with("//") || code.starts_with(['*', '/']);
                    let writes = code.contains("xmlns") || code.contains("</");
                    let place = format!("{}:{}", path.display(), number + 1);
                    assert!(is_comment || !writes, "{place}: {code}");
                }
            }
        }
    }
}
