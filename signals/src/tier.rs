//! The service tier that an answer was served in: tiers have prices of their own.

/// A service tier, as price lists tell them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tier {
    /// The ordinary one, and those that have its prices.
    #[default]
    Standard,
    /// Cheaper and slower.
    Flex,
    /// Dearer and faster.
    Priority,
    /// Dearer and faster still.
    Fast,
    /// Capacity that was bought before.
    Scale,
    /// Answered later, from a batch.
    Batch,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 6] =
        [Self::Standard, Self::Flex, Self::Priority, Self::Fast, Self::Scale, Self::Batch];

    /// The tier an answer names: OpenAI's and Anthropic's `service_tier`, Bedrock's `serviceTier`,
    /// Gemini's `trafficType`. None for an empty name.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let name = text.trim().to_ascii_lowercase();
        let name = name.strip_prefix("service_tier_").unwrap_or(&name);
        let name = name.strip_prefix("on_demand_").unwrap_or(name);
        Some(match name {
            "" => return None,
            "flex" => Self::Flex,
            "priority" => Self::Priority,
            "fast" => Self::Fast,
            "scale" => Self::Scale,
            "batch" => Self::Batch,
            _ => Self::Standard,
        })
    }

    /// Its name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Fast => "fast",
            Self::Scale => "scale",
            Self::Batch => "batch",
        }
    }

    /// The context under which a price list keeps its prices; none for the list's own.
    pub(crate) const fn context(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Standard => None,
            Self::Batch => Some(("processing", "batch")),
            tier => Some(("service_tier", tier.label())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Tier;

    #[test]
    fn every_protocols_words_are_known() {
        for (text, tier) in [
            ("flex", Tier::Flex),
            ("Priority", Tier::Priority),
            ("ON_DEMAND_FLEX", Tier::Flex),
            ("ON_DEMAND_PRIORITY", Tier::Priority),
            ("SERVICE_TIER_FLEX", Tier::Flex),
            ("batch", Tier::Batch),
            ("scale", Tier::Scale),
            ("default", Tier::Standard),
            ("standard", Tier::Standard),
            ("ON_DEMAND", Tier::Standard),
            ("PROVISIONED_THROUGHPUT", Tier::Standard),
        ] {
            assert_eq!(Tier::of(text), Some(tier), "{text}");
        }
        assert_eq!(Tier::of(" "), None);
    }
}
