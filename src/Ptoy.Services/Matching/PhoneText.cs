using PhoneNumbers;
using Ptoy.Services.Common;

namespace Ptoy.Services.Matching;

/// <summary>Phone numbers in one spelling: E.164 (<c>+16175550123</c>).</summary>
public static class PhoneText
{
    private const int MaxLength = 40;

    /// <summary>
    /// Normalises a number as people write it. A number without country code is taken to be of <paramref name="region"/>. It has to be
    /// possible (country and length), not listed as assigned: ranges are opened faster than tables are updated.
    /// Throws <see cref="FieldException"/>.
    /// </summary>
    public static string Normalise(string? phone, string region = "US", string field = "phone")
    {
        if (string.IsNullOrWhiteSpace(phone)) throw new FieldException(field, "missing");
        if (phone.Length > MaxLength) throw new FieldException(field, $"longer than {MaxLength} characters");
        PhoneNumberUtil util = PhoneNumberUtil.GetInstance();
        try
        {
            PhoneNumber number = util.Parse(phone, region);
            return util.IsPossibleNumberWithReason(number) switch
            {
                PhoneNumberUtil.ValidationResult.IS_POSSIBLE => util.Format(number, PhoneNumberFormat.E164),
                PhoneNumberUtil.ValidationResult.TOO_SHORT or PhoneNumberUtil.ValidationResult.IS_POSSIBLE_LOCAL_ONLY =>
                    throw new FieldException(field, "too short: give the number with its area code"),
                PhoneNumberUtil.ValidationResult.TOO_LONG => throw new FieldException(field, "too long"),
                PhoneNumberUtil.ValidationResult.INVALID_COUNTRY_CODE => throw new FieldException(field, "the country code is not known"),
                _ => throw new FieldException(field, "not a phone number of that country"),
            };
        }
        catch (NumberParseException e)
        {
            throw new FieldException(field, e.ErrorType == ErrorType.INVALID_COUNTRY_CODE ? "the country code is not known" : "not a phone number");
        }
    }

    /// <summary>E.164, or null for what is no phone number: for numbers found in records, which nobody is there to correct.</summary>
    public static string? TryNormalise(string phone, string region)
    {
        try { return Normalise(phone, region); }
        catch (FieldException) { return null; }
    }

    /// <summary>The last two digits, for messages that must not hold the number.</summary>
    public static string Ending(string e164) => "…" + e164[^2..];
}
