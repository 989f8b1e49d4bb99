//! Code in a text: what stands there names nobody and links nowhere.

/// Byte ranges between matching runs of backticks (`code` and ```code```).
pub fn code_spans(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(|b| **b == b'`').count();
        if length > 0 {
            runs.push((at, length));
        }
        at += length.max(1);
    }
    let mut spans = Vec::new();
    let mut index = 0;
    while index < runs.len() {
        let (start, length) = runs[index];
        match runs[index + 1..].iter().position(|(_, other)| *other == length) {
            Some(offset) => {
                let (end, _) = runs[index + 1 + offset];
                spans.push((start, end + length));
                index += offset + 2;
            }
            None => index += 1,
        }
    }
    spans
}
