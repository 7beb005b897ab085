using System.Text;
using NUnit.Framework;
using Ptoy.Services.Connector.Hl7.Mapping;
using Ptoy.Services.Connector.Hl7.Parsing;
using Ptoy.Services.Connector.Hl7.Rules;

namespace Ptoy.Services.Tests.Connector.Hl7;

/// <summary>Small messages of our own, and the folder of others where there is one.</summary>
internal static class Messages
{
    public static readonly string[] Processing = ["P", "T", "D"];

    public static MapSettings Settings => new("test", TimeZoneInfo.Utc, Keys);

    public static PatientKeys Keys => new(new Dictionary<string, string>());

    public static MessageRules Rules => new(Keys, Processing.ToHashSet());

    /// <summary>The folder named by PTOY_HL7V2, or null.</summary>
    public static string? Folder() => Environment.GetEnvironmentVariable("PTOY_HL7V2") is { } folder && Directory.Exists(folder) ? folder
        : null;

    public static byte[] Bytes(params string[] segments) => Encoding.UTF8.GetBytes(string.Concat(segments.Select(s => s + "\r")));

    public static Hl7Message Parse(params string[] segments) => Hl7Parser.Parse(Bytes(segments));

    public static string Header(string type, string control = "1", string version = "2.5", string facility = "HOSP") =>
        $@"MSH|^~\&|APP|{facility}|PTOY|NET|20260301120000+0100||{type}|{control}|P|{version}";

    public static string Pid(string number = "4711", string authority = "HOSP", string name = "Beispiel^Erika",
        string birth = "19700102") =>
        $"PID|1||{number}^^^{authority}^MR||{name}||{birth}|F|||Weg 1^^Ort^^12345^DE||^PRN^PH^^49^30^123456";

    public static byte[] Admission(string control = "A1", string number = "4711", string trigger = "A01", string visit = "V1") => Bytes(
        Header($"ADT^{trigger}", control), $"EVN|{trigger}|20260301115900", Pid(number),
        $"PV1|1|I|WARD^12^A^HOSP||||77^Arzt^Anna||||||||||||{visit}^^^HOSP^VN|||||||||||||||||||||||||20260301110000");

    public static byte[] Result(string control = "R1", string status = "F", string value = "1.50", string number = "4711",
        string filler = "F1") => Bytes(
        Header("ORU^R01", control), Pid(number), $"ORC|RE|P1^APP|{filler}^LAB",
        $"OBR|1|P1^APP|{filler}^LAB|24323-8^Metabolic panel^LN|||20260301080000||||||||||||||20260301100000||LAB|{status}",
        $"OBX|1|NM|2160-0^Creatinine^LN||{value}|mg/dL^^UCUM|0.5-1.1|H|||{status}|||20260301080000");

    /// <summary>Maps one message about one patient.</summary>
    public static MappedPatient Map(byte[] bytes, Func<string, string[]?>? known = null)
    {
        IReadOnlyList<MappedPatient> mapped = new MessageMapper(Settings).Map(
            Hl7Parser.Parse(bytes), bytes, (_, key) => known?.Invoke(key));
        Assert.That(mapped, Has.Count.EqualTo(1));
        return mapped[0];
    }
}
