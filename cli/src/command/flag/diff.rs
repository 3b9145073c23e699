//! Two texts, line by line: pure.

/// Lines around a change that are shown.
const AROUND: usize = 2;

/// The lines that differ, with `-` and `+`, and some around them; empty if none does.
pub(super) fn lines(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let all = aligned(&old, &new);
    let near = |at: usize| {
        let from = at.saturating_sub(AROUND);
        let to = (at + AROUND + 1).min(all.len());
        all[from..to].iter().any(|(sign, _)| *sign != ' ')
    };
    let mut text = String::new();
    let mut cut = false;
    for (at, (sign, line)) in all.iter().enumerate() {
        if near(at) {
            if cut {
                text.push_str("  …\n");
            }
            cut = false;
            text.push_str(&format!("{sign} {line}\n"));
        } else {
            cut = !text.is_empty();
        }
    }
    text
}

/// Both texts in one list, along a longest common subsequence.
fn aligned<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for (at, line) in old.iter().enumerate().rev() {
        for (other_at, other) in new.iter().enumerate().rev() {
            let place = at * width + other_at;
            common[place] = if line == other {
                common[place + width + 1] + 1
            } else {
                common[place + width].max(common[place + 1])
            };
        }
    }
    let (mut at, mut other_at, mut all) = (0, 0, Vec::new());
    while at < old.len() || other_at < new.len() {
        let place = at * width + other_at;
        let same = at < old.len() && other_at < new.len() && old[at] == new[other_at];
        if same {
            all.push((' ', old[at]));
            (at, other_at) = (at + 1, other_at + 1);
        } else if other_at == new.len()
            || (at < old.len() && common[place + width] >= common[place + 1])
        {
            all.push(('-', old[at]));
            at += 1;
        } else {
            all.push(('+', new[other_at]));
            other_at += 1;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn what_differs_is_shown_with_what_is_around() {
        assert_eq!(lines("a\nb", "a\nb"), "");
        assert_eq!(lines("a\nb\nc\nd\ne", "a\nb\nx\nd\ne"), "  a\n  b\n- c\n+ x\n  d\n  e\n");
        let long = "1\n2\n3\n4\n5\n6\n7\n8\n9";
        let told = lines(long, &long.replace('1', "0").replace('9', "10"));
        assert_eq!(told, "- 1\n+ 0\n  2\n  3\n  …\n  7\n  8\n- 9\n+ 10\n");
        assert_eq!(lines("", "a"), "+ a\n");
    }
}
