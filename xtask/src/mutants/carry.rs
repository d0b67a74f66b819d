//! Carries the change from one text to another over to a third: a branch, to the production file as it is now. Unlike a merge
//! it accepts changes directly above and below; only lines that the branch replaces must be the same.

/// Lines of the first text that are replaced by others, as `git diff --unified=0` prints it.
#[derive(Debug, PartialEq, Eq)]
struct Hunk<'diff> {
    /// Lines before it.
    start: usize,
    removed: Vec<&'diff str>,
    added: Vec<&'diff str>,
}

impl Hunk<'_> {
    fn end(&self) -> usize {
        self.start + self.removed.len()
    }
}

/// The text with the branch, from the differences between the base and the branch, and between the base and the text. Nothing if
/// lines that the branch replaces are no longer there.
pub(super) fn carry(text: &str, branch: &str, since: &str) -> Option<String> {
    let (branch, since) = (hunks(branch)?, hunks(since)?);
    let mut lines: Vec<&str> = text.lines().collect();
    for hunk in branch.iter().rev() {
        let start = moved(hunk, &since)?;
        let end = start + hunk.removed.len();
        if lines.get(start..end)? != hunk.removed {
            return None;
        }
        lines.splice(start..end, hunk.added.iter().copied());
    }
    Some(lines.join("\n") + "\n")
}

/// Where it begins after these changes.
fn moved(hunk: &Hunk, since: &[Hunk]) -> Option<usize> {
    let before = |change: &&Hunk| change.end() <= hunk.start;
    if since
        .iter()
        .any(|change| !before(&change) && change.start < hunk.end())
    {
        return None;
    }
    let (mut added, mut removed) = (0, 0);
    for change in since.iter().filter(before) {
        added += change.added.len();
        removed += change.removed.len();
    }
    (hunk.start + added).checked_sub(removed)
}

fn hunks(diff: &str) -> Option<Vec<Hunk<'_>>> {
    let mut hunks: Vec<Hunk> = Vec::new();
    for line in diff.lines() {
        if let Some(header) = line.strip_prefix("@@ -") {
            let (first, count) = header
                .split_once(' ')?
                .0
                .split_once(',')
                .unwrap_or((header.split_once(' ')?.0, "1"));
            let first: usize = first.parse().ok()?;
            // Without lines, the number is that of the line before.
            let start = if count == "0" {
                first
            } else {
                first.checked_sub(1)?
            };
            hunks.push(Hunk {
                start,
                removed: Vec::new(),
                added: Vec::new(),
            });
        } else if let Some(hunk) = hunks.last_mut() {
            if let Some(line) = line.strip_prefix('-') {
                hunk.removed.push(line);
            } else if let Some(line) = line.strip_prefix('+') {
                hunk.added.push(line);
            }
        }
    }
    Some(hunks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BRANCH: &str = "--- a\n+++ b\n@@ -2,0 +3,2 @@\n+if planted\n+  return\n";

    #[test]
    fn a_branch_between_changed_lines_is_kept() {
        let since =
            "--- a\n+++ b\n@@ -1,2 +1,3 @@ fn\n-one\n-two\n+1\n+1.5\n+2\n@@ -3 +4 @@\n-three\n+3\n";
        let text = carry("1\n1.5\n2\n3\n", BRANCH, since);
        assert_eq!(
            text.as_deref(),
            Some("1\n1.5\n2\nif planted\n  return\n3\n")
        );
    }

    #[test]
    fn a_branch_inside_of_what_was_replaced_is_not() {
        let since = "@@ -2,2 +2 @@\n-two\n-three\n+both\n";
        assert_eq!(carry("one\nboth\n", BRANCH, since), None);
    }

    #[test]
    fn replaced_lines_have_to_be_there() {
        let branch = "@@ -2 +2 @@\n-two\n+2 or planted\n";
        let above = "@@ -1 +0,0 @@\n-one\n";
        assert_eq!(
            carry("two\n", branch, above).as_deref(),
            Some("2 or planted\n")
        );
        let itself = "@@ -2 +2 @@\n-two\n+deux\n";
        assert_eq!(carry("one\ndeux\n", branch, itself), None);
    }
}
