using System.Text;
using Ptoy.Services.Connector.Hl7.Mapping;
using Ptoy.Services.Connector.Hl7.Parsing;
using Ptoy.Services.Connector.Hl7.Rules;

namespace Ptoy.Fuzz;

/// <summary>HL7 v2: what a sender sends is read, judged and mapped, or refused with a reason.</summary>
internal static class Hl7Targets
{
    private const string Header = @"MSH|^~\&|APP|HOSP|PTOY|NET|20260301120000+0100||";

    /// <summary>One message, through parser, rules and mapping; what is mapped is the same the second time.</summary>
    public static FuzzTarget Message()
    {
        var keys = new PatientKeys(new Dictionary<string, string>());
        var rules = new MessageRules(keys, new HashSet<string> { "P" });
        var mapper = new MessageMapper(new MapSettings("fuzz", TimeZoneInfo.Utc, keys));
        return new FuzzTarget("hl7.message", [.. Seeds()], bytes =>
        {
            try
            {
                Hl7Message message = Hl7Parser.Parse(bytes);
                if (rules.Check(message) is { } problem)
                {
                    FuzzTarget.Note(problem.Reason);
                    return problem.Reason.Length > 0 ? false : throw new FindingException("refused without a reason");
                }
                string[] once = [.. Map(mapper, message, bytes)];
                if (!once.SequenceEqual(Map(mapper, Hl7Parser.Parse(bytes), bytes)))
                    throw new FindingException("mapped differently the second time");
                return true;
            }
            catch (Exception e) when (e is Hl7Exception or Hl7RefusedException)
            {
                FuzzTarget.Note(e.Message);
                return false;
            }
        });
    }

    /// <summary>A batch is taken apart, or says what is wrong with it.</summary>
    public static FuzzTarget Batch() =>
        new("hl7.batch", [.. Seeds().Select(s => (byte[])[.. "BHS|^~\\&|A\r"u8, .. s, .. s, .. "BTS|2\r"u8])], bytes =>
    {
        if (!Hl7Batch.IsBatch(bytes)) return false;
        Hl7Batch batch = Hl7Batch.Read(bytes);
        if (batch.Problem is { } problem) FuzzTarget.Note(problem.Reason);
        return batch.Problem is null;
    });

    private static IEnumerable<string> Map(MessageMapper mapper, Hl7Message message, byte[] bytes) =>
        mapper.Map(message, bytes, (_, _) => null).SelectMany(p => p.Resources)
            .Select(r => $"{r.Type}/{r.Id}/{r.Compartment}/{Convert.ToHexString(r.Bytes)}");

    private static IEnumerable<byte[]> Seeds()
    {
        const string Person = "PID|1||4711^^^HOSP&1.2.3&ISO^MR~1^^^^SS||Beispiel^Erika^^^Dr^^L||19700102|F|||Weg 1^^Ort^^12345^DE||^PRN^PH^^49^30^1||de||||||||||2\r";
        yield return Bytes($"{Header}ADT^A01|1|P|2.5\rEVN|A01|20260301\r{Person}PV1|1|I|W^1^A||||7^Arzt||||||||||||V1|||||||||||||||||||||||||20260301\rAL1|1|DA|1^X^L|SV|a\r");
        yield return Bytes($"{Header}ORU^R01|1|P|2.3||||||8859/1\r{Person}OBR|1|P1|F1|1-1^X^LN\rOBX|1|SN|1-1^X^LN||>^1.5^-^2|mg^^UCUM|1-2|H|||F\rNTE|1||a\\.br\\b\\X41\\\r");
        yield return Bytes($"{Header}SIU^S12|1|P|2.8\rSCH|1|2|||||||30|min\rTQ1|1||||||202603010800\r{Person}");
        yield return Bytes($"{Header}RDE^O11|1|P|2.5\r{Person}ORC|NW|P1\rRXE||1^X^NDC|1|2|mg\rRXR|PO\rRXC|B|1^Y|2|mg\r");
        yield return Bytes($"{Header}VXU^V04|1|P|2.5\r{Person}ORC|RE||I1\rRXA|0|1|20260301||140^Flu^CVX|0.5|mL\rOBX|1|ED|1^D||^AP^PDF^Base64^JVBERg==\r");
        yield return Bytes($"{Header}ADT^A40|1|P|2.5\r{Person}MRG|2^^^HOSP^MR||A1\r");
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
