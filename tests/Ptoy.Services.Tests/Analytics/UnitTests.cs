using NUnit.Framework;
using Ptoy.Services.Analytics.Units;

namespace Ptoy.Services.Tests.Analytics;

[TestFixture]
internal sealed class UnitTests
{
    // Factors from the definitions: pound 0.45359237 kg, inch 2.54 cm, mm[Hg] 133.322 Pa (UCUM), degree Fahrenheit 5/9 K from 459.67.
    [TestCase("180", "mg/dL", "g/L", "1.8")]
    [TestCase("1.8", "g/L", "mg/dL", "180")]
    [TestCase("180", "[lb_av]", "kg", "81.6466266")]
    [TestCase("70", "[in_i]", "cm", "177.8")]
    [TestCase("120", "mm[Hg]", "kPa", "15.99864")]
    [TestCase("98.6", "[degF]", "Cel", "37")]
    [TestCase("37", "Cel", "[degF]", "98.6")]
    [TestCase("310.15", "K", "Cel", "37")]
    [TestCase("7.2", "10*3/uL", "10*9/L", "7.2")]
    [TestCase("7200", "/uL", "10*9/L", "7.2")]
    [TestCase("72", "{beats}/min", "/min", "72")]
    [TestCase("8000", "{steps}", "1", "8000")]
    [TestCase("5", "mg/dl", "mg/dL", "5")]
    [TestCase("100", "mcg/L", "ng/mL", "100")]
    [TestCase("5.1", "mmol/L", "umol/dL", "510")]
    [TestCase("0", "mg/dL", "g/L", "0")]
    [TestCase("-1.5", "g/L", "mg/dL", "-150")]
    public void What_measures_the_same_converts(string value, string from, string to, string expected) =>
        Assert.That(UnitConverter.Convert(D(value), from, to), Is.EqualTo(D(expected)).Within(0.0000000001m));

    [TestCase("mmol/L", "mg/dL", "of which substance is not known")]
    [TestCase("mmol/mol", "%", "42 mmol/mol HbA1c are 6.0 %, not 4.2 %")]
    [TestCase("meq/L", "mmol/L", "depends on the charge")]
    [TestCase("[iU]/L", "U/L", "an international unit is no enzyme unit")]
    [TestCase("U/L", "mmol/L", "activity is no amount")]
    [TestCase("10*3/uL", "mmol/L", "a mole is no plain number")]
    [TestCase("mL/min/{1.73_m2}", "mL/min", "the annotation hides a body surface")]
    [TestCase("kg", "cm", "mass and length")]
    [TestCase("(score)", "1", "no UCUM")]
    [TestCase("", "kg", "no unit")]
    [TestCase("kg", "kg of something", "no unit")]
    [TestCase("{open", "1", "no unit")]
    public void What_does_not_measure_the_same_is_refused(string from, string to, string why) =>
        Assert.That(UnitConverter.Convert(42, from, to), Is.Null, why);

    [Test]
    public void A_unit_longer_than_any_is_not_even_parsed() => Assert.That(UnitConverter.Convert(1, new string('k', 65), "kg"), Is.Null);

    [Test]
    public void A_value_too_large_to_convert_is_refused_and_does_not_overflow() =>
        Assert.That(UnitConverter.Convert(decimal.MaxValue, "g", "ng"), Is.Null);

    private static decimal D(string text) => decimal.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
