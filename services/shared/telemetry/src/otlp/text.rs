//! Prometheus' text format, as far as our own recorder writes it.

/// Metrics of one name.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) help: String,
    /// `counter`, `gauge` or `histogram`.
    pub(super) kind: String,
    pub(super) samples: Vec<Sample>,
}

/// One line: `<name><suffix>{labels} value`.
#[derive(Debug, PartialEq)]
pub(super) struct Sample {
    /// Of histograms: `_bucket`, `_sum` or `_count`.
    pub(super) suffix: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
}

/// The families of a text, in order. Lines that are none of ours are skipped.
pub(super) fn parse(text: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    let mut help = None;
    for line in text.lines() {
        if let Some((name, words)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            help = Some((name, words));
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let help = help.take().filter(|(of, _)| *of == name).map_or("", |(_, words)| words);
            families.push(Family {
                name: name.to_owned(),
                help: help.to_owned(),
                kind: kind.to_owned(),
                samples: Vec::new(),
            });
        } else if let Some(family) = families.last_mut()
            && let Some(sample) = sample(&family.name, line)
        {
            family.samples.push(sample);
        }
    }
    families
}

fn sample(name: &str, line: &str) -> Option<Sample> {
    let rest = line.strip_prefix(name)?;
    let at = rest.find(['{', ' '])?;
    let (suffix, rest) = rest.split_at(at);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    Some(Sample { suffix: suffix.to_owned(), labels, value: value.trim().parse().ok()? })
}

/// `a="1",b="2"}` and what follows it.
fn labels(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        loop {
            match characters.next()? {
                (at, '"') => {
                    rest = &quoted[at + 1..];
                    break;
                }
                (_, '\\') => value.push(match characters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        }
        labels.push((name.to_owned(), value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_read_with_help_labels_and_escapes() {
        let text = "# HELP a_total Things.\n# TYPE a_total counter\na_total 3\na_total{x=\"q\\\"\\\\\\n,}\",y=\"\"} 4\n\n\
                    # TYPE b_seconds histogram\nb_seconds_bucket{m=\"x\",le=\"0.5\"} 1\n\
                    b_seconds_bucket{m=\"x\",le=\"+Inf\"} 2\nb_seconds_sum{m=\"x\"} 1.5\nb_seconds_count{m=\"x\"} 2\n";
        let families = parse(text);
        assert_eq!(families.len(), 2);
        assert_eq!((families[0].help.as_str(), families[0].kind.as_str()), ("Things.", "counter"));
        assert_eq!(families[0].samples[0].value, 3.0);
        let labels = vec![("x".to_owned(), "q\"\\\n,}".to_owned()), ("y".to_owned(), String::new())];
        assert_eq!(families[0].samples[1].labels, labels);
        let suffixes: Vec<_> = families[1].samples.iter().map(|sample| sample.suffix.as_str()).collect();
        assert_eq!(suffixes, ["_bucket", "_bucket", "_sum", "_count"]);
        assert_eq!(families[1].samples[1].labels[1].1, "+Inf");
    }
}
