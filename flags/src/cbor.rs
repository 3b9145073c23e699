//! Canonical CBOR (RFC 7049, section 3.9) of a value, which v3 bucketing hashes.

use datalogic_rs::DataValue;
use datalogic_rs::bumpalo::Bump;
use datalogic_rs::bumpalo::collections::Vec;
use datalogic_rs::datavalue::NumberValue;

/// Writes a value in its canonical form: shortest heads, whole numbers as integers if they fit into 64 bits,
/// the shortest float that keeps the value, and members ordered by the length of their name first.
pub(crate) fn write<'a>(value: &DataValue<'_>, out: &mut Vec<'a, u8>, arena: &'a Bump) {
    match value {
        DataValue::Null => out.push(0xf6),
        DataValue::Bool(false) => out.push(0xf4),
        DataValue::Bool(true) => out.push(0xf5),
        DataValue::Number(NumberValue::Integer(number)) => integer(i128::from(*number), out),
        DataValue::Number(NumberValue::Float(number)) => float(*number, out),
        DataValue::String(text) => write_text(text, out),
        DataValue::Array(items) => {
            head(4, items.len() as u64, out);
            for item in *items {
                write(item, out, arena);
            }
        }
        DataValue::Object(members) => {
            let mut sorted = Vec::with_capacity_in(members.len(), arena);
            sorted.extend(members.iter());
            sorted.sort_by_key(|(name, _)| (name.len(), *name));
            head(5, sorted.len() as u64, out);
            for (name, value) in sorted {
                write_text(name, out);
                write(&value, out, arena);
            }
        }
    }
}

/// The head of a list of `length` items.
pub(crate) fn write_list_head(length: u64, out: &mut Vec<'_, u8>) {
    head(4, length, out);
}

/// A text.
pub(crate) fn write_text(text: &str, out: &mut Vec<'_, u8>) {
    head(3, text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn head(major: u8, number: u64, out: &mut Vec<'_, u8>) {
    let major = major << 5;
    if let Ok(small) = u8::try_from(number) {
        if small < 24 {
            out.push(major | small);
        } else {
            out.extend_from_slice(&[major | 24, small]);
        }
    } else if let Ok(number) = u16::try_from(number) {
        out.push(major | 25);
        out.extend_from_slice(&number.to_be_bytes());
    } else if let Ok(number) = u32::try_from(number) {
        out.push(major | 26);
        out.extend_from_slice(&number.to_be_bytes());
    } else {
        out.push(major | 27);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// An integer from -2^63 to 2^64 - 1.
fn integer(number: i128, out: &mut Vec<'_, u8>) {
    if number < 0 {
        head(1, (-1 - number) as u64, out);
    } else {
        head(0, number as u64, out);
    }
}

fn float(number: f64, out: &mut Vec<'_, u8>) {
    // 2^64 itself does not fit, and neither does the next smaller float lie above 2^64 - 1.
    let whole = number.fract() == 0.0
        && (-9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0).contains(&number);
    if whole {
        integer(number as i128, out);
    } else if number.is_nan() {
        out.extend_from_slice(&[0xf9, 0x7e, 0x00]);
    } else if let Some(half) = half(number) {
        out.push(0xf9);
        out.extend_from_slice(&half.to_be_bytes());
    } else if f64::from(number as f32) == number {
        out.push(0xfa);
        out.extend_from_slice(&(number as f32).to_be_bytes());
    } else {
        out.push(0xfb);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// The bits of the half-precision float (IEEE 754 binary16) that has exactly this value, if any.
fn half(number: f64) -> Option<u16> {
    let bits = number.to_bits();
    let sign = ((bits >> 48) & 0x8000) as u16;
    let exponent = ((bits >> 52) & 0x7ff) as i32 - 1023;
    let fraction = bits & ((1 << 52) - 1);
    if number == 0.0 {
        return Some(sign);
    }
    if exponent == 1024 {
        return (fraction == 0).then_some(sign | 0x7c00);
    }
    if (-14..=15).contains(&exponent) {
        let exact = fraction.trailing_zeros() >= 42;
        return exact.then(|| sign | (((exponent + 15) as u16) << 10) | (fraction >> 42) as u16);
    }
    if (-24..-14).contains(&exponent) {
        // Subnormal: a multiple of 2^-24.
        let shift = 42 + (-14 - exponent) as u32;
        let significand = fraction | (1 << 52);
        let exact = significand.trailing_zeros() >= shift;
        return exact.then(|| sign | (significand >> shift) as u16);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::write;
    use datalogic_rs::DataValue;
    use datalogic_rs::bumpalo::{Bump, collections::Vec};

    fn hex(value: &DataValue<'_>) -> String {
        let arena = Bump::new();
        let mut out = Vec::new_in(&arena);
        write(value, &mut out, &arena);
        out.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Examples of RFC 8949, appendix A, except that whole floats become integers.
    #[test]
    fn values_have_their_shortest_form() {
        let number = |value: f64| hex(&DataValue::from_f64(value));
        assert_eq!(hex(&DataValue::from_i64(23)), "17");
        assert_eq!(hex(&DataValue::from_i64(24)), "1818");
        assert_eq!(hex(&DataValue::from_i64(1_000_000)), "1a000f4240");
        assert_eq!(hex(&DataValue::from_i64(-1000)), "3903e7");
        assert_eq!(number(1.5), "f93e00");
        assert_eq!(number(1.1), "fb3ff199999999999a");
        assert_eq!(number(5.960_464_477_539_063e-8), "f90001");
        assert_eq!(number(0.000_061_035_156_25), "f90400");
        assert_eq!(number(-4.1), "fbc010666666666666");
        assert_eq!(number(3.402_823_466_385_288_6e38), "fa7f7fffff");
        assert_eq!(number(-0.0), "00");
        assert_eq!(number(1e300), "fb7e37e43c8800759c");
        assert_eq!(hex(&DataValue::from_borrowed_str("ü")), "62c3bc");
    }

    #[test]
    fn members_are_ordered_by_length_first() {
        let one = DataValue::from_i64(1);
        let members = [("aa", one), ("z", one)];
        assert_eq!(hex(&DataValue::Object(&members)), "a2617a0162616101");
    }
}
