using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Ptoy.Services.Connector.Hl7.Mapping;

/// <summary>A number in the spelling in which it came, checked to be one in JSON.</summary>
internal sealed record RawNumber(string Text);

/// <summary>
/// A JSON object under construction. What is null, empty or an object without members is left out, since FHIR knows no empty values; so a
/// mapper can say what it would write without asking first whether there is anything.
/// </summary>
internal sealed class FhirObject
{
    private static readonly JsonWriterOptions Options = new(
        ) { Indented = false, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = false };

    private readonly List<(string Name, object Value)> _members = [];

    /// <summary>True while there is nothing to write.</summary>
    public bool IsEmpty => _members.Count == 0;

    /// <summary>Adds a member; a second of the same name takes the place of the first.</summary>
    public FhirObject Add(string name, object? value)
    {
        if (Useful(value) is not { } useful) return this;
        int at = _members.FindIndex(m => m.Name == name);
        if (at < 0) _members.Add((name, useful));
        else _members[at] = (name, useful);
        return this;
    }

    /// <summary>Adds to a list, making it when it is not there.</summary>
    public FhirObject Append(string name, object? value)
    {
        if (Useful(value) is not { } useful) return this;
        if (_members.Find(m => m.Name == name).Value is List<object> list) list.Add(useful);
        else _members.Add((name, new List<object> { useful }));
        return this;
    }

    /// <summary>The text of a member, or null.</summary>
    public string? Text(string name) => _members.Find(m => m.Name == name).Value as string;

    /// <summary>A member as it is, or null.</summary>
    public object? Value(string name) => _members.Find(m => m.Name == name).Value;

    /// <summary>True when there is such a member.</summary>
    public bool Has(string name) => _members.Exists(m => m.Name == name);

    /// <summary>Compact UTF-8.</summary>
    public byte[] ToBytes()
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, Options)) Write(writer, this);
        return buffer.ToArray();
    }

    /// <inheritdoc/>
    public override string ToString() => Encoding.UTF8.GetString(ToBytes());

    private static object? Useful(object? value) => value switch
    {
        null => null,
        string text => string.IsNullOrWhiteSpace(text) ? null : text,
        FhirObject inner => inner.IsEmpty ? null : inner,
        IEnumerable<object?> items => items.Select(Useful).OfType<object>().ToList() is { Count: > 0 } list ? list : null,
        _ => value,
    };

    private static void Write(Utf8JsonWriter writer, object value)
    {
        switch (value)
        {
            case string text: writer.WriteStringValue(text); break;
            case bool flag: writer.WriteBooleanValue(flag); break;
            case int number: writer.WriteNumberValue(number); break;
            case RawNumber number: writer.WriteRawValue(number.Text); break;
            case List<object> items:
                writer.WriteStartArray();
                foreach (object item in items) Write(writer, item);
                writer.WriteEndArray();
                break;
            case FhirObject inner:
                writer.WriteStartObject();
                foreach ((string name, object member) in inner._members)
                {
                    writer.WritePropertyName(name);
                    Write(writer, member);
                }
                writer.WriteEndObject();
                break;
            default: throw new InvalidOperationException($"{value.GetType().Name} is nothing that FHIR holds");
        }
    }
}
