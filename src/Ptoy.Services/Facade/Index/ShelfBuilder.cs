using System.Text.Json;
using Ptoy.Protocol;
using Ptoy.Services.Facade.Search;

namespace Ptoy.Services.Facade.Index;

/// <summary>A resource as it is handed to the index.</summary>
internal sealed record IndexedResource(string RecordId, string Type, string Id, string Compartment, ReadOnlyMemory<byte> Bytes,
    ulong Height, DateTimeOffset Time);

/// <summary>Makes a patient's shelf from the patient's resources. What is not a readable FHIR resource with an id is left out and
/// counted.</summary>
internal sealed class ShelfBuilder(TermPool terms)
{
    private const int MaxDepth = 128;
    private readonly List<ShelfDocument> _documents = [];
    private readonly List<TokenEntry> _tokens = [];
    private readonly List<StringEntry> _strings = [];
    private readonly List<DateEntry> _dates = [];
    private readonly List<ReferenceEntry> _references = [];
    private readonly List<QuantityEntry> _quantities = [];
    private readonly List<string> _texts = [];
    private readonly Dictionary<string, int> _textIds = new(StringComparer.Ordinal);
    private readonly List<Selected> _selected = [];
    private readonly List<Selected> _parts = [];

    /// <summary>Resources that were left out.</summary>
    public int Skipped { get; private set; }

    public PatientShelf Build(Address patient, IEnumerable<IndexedResource> resources)
    {
        IndexedResource[] ordered = [.. resources.Where(IsResource).OrderBy(r => r.Type, StringComparer.Ordinal).ThenBy(r => r.Height)];
        var newest = new Dictionary<(string, string), int>();
        var read = new List<JsonDocument?>(ordered.Length);
        foreach (IndexedResource resource in ordered)
        {
            if (Parse(resource) is not { } json) continue;
            int number = _documents.Count;
            int previous = newest.TryGetValue((resource.Type, resource.Id), out int before) ? before : -1;
            if (previous >= 0) _documents[previous] = _documents[previous] with { IsCurrent = false };
            newest[(resource.Type, resource.Id)] = number;
            string id = Texts(Own(resource.Id));
            _documents.Add(new ShelfDocument(
                string.Intern(resource.Type), id, resource.RecordId, Term(resource.Compartment), resource.Time.UtcTicks, true, previous));
            using (json) Index(resource.Type, json.RootElement, number);
        }
        return Seal(patient);
    }

    private bool IsResource(IndexedResource resource)
    {
        bool is_ = SearchParameters.IsType(resource.Type) && resource.Id.Length is > 0 and <= 128;
        if (!is_) Skipped++;
        return is_;
    }

    private JsonDocument? Parse(IndexedResource resource)
    {
        try
        {
            JsonDocument json = JsonDocument.Parse(resource.Bytes, new JsonDocumentOptions { MaxDepth = MaxDepth });
            if (json.RootElement.ValueKind == JsonValueKind.Object) return json;
            json.Dispose();
        }
        catch (JsonException)
        {
            // Counted below: what is not JSON is not a FHIR resource, and stays readable as the record that it is.
        }
        Skipped++;
        return null;
    }

    private PatientShelf Seal(Address patient)
    {
        ShelfDocument[] documents = [.. _documents];
        var types = new Dictionary<string, Range>(StringComparer.Ordinal);
        for (int i = 0, start = 0; i <= documents.Length; i++)
        {
            if (i < documents.Length && documents[i].Type == documents[start].Type) continue;
            if (i > start) types[documents[start].Type] = start..i;
            start = i;
        }
        int[] byId = [.. Enumerable.Range(0, documents.Length)];
        Array.Sort(byId, (a, b) => string.CompareOrdinal(documents[a].Id, documents[b].Id) is var c and not 0 ? c : a.CompareTo(b));
        return new PatientShelf
        {
            Patient = patient,
            PatientText = patient.ToString(),
            Documents = documents,
            Types = types,
            Tokens = Sorted(_tokens, (a, b) => Compare(a.Parameter, b.Parameter, a.Code, b.Code, a.System, b.System)),
            Strings = Sorted(_strings, (a, b) => a.Parameter.CompareTo(b.Parameter)),
            Dates = Sorted(_dates, (a, b) => a.Parameter.CompareTo(b.Parameter)),
            References = Sorted(_references, (a, b) => a.Parameter.CompareTo(b.Parameter)),
            Quantities = Sorted(_quantities, (a, b) => a.Parameter.CompareTo(b.Parameter)),
            Texts = [.. _texts],
            Terms = terms,
            ById = byId,
            Compartments = [.. documents.Select(d => d.Compartment).Distinct()],
            PatientResourceId = types.TryGetValue("Patient", out Range range) ? documents[range.Start.Value].Id : null,
        };
    }

    private static int Compare(int a1, int b1, int a2, int b2, int a3, int b3) =>
        a1 != b1 ? a1.CompareTo(b1) : a2 != b2 ? a2.CompareTo(b2) : a3.CompareTo(b3);

    private static T[] Sorted<T>(List<T> lines, Comparison<T> by)
    {
        T[] sorted = [.. lines];
        Array.Sort(sorted, by);
        return sorted;
    }

    private void Index(string type, JsonElement resource, int doc)
    {
        foreach (SearchParameter parameter in SearchParameters.Of(type).Values)
        {
            if (parameter.IsDeceasedFlag)
            {
                AddToken(parameter.Id, doc, 0, "", IsDeceased(resource) ? "true" : "false");
                continue;
            }
            foreach (PathExpression path in parameter.Paths)
            {
                _selected.Clear();
                path.Select(resource, _selected);
                if (parameter.Kind == ParameterKind.Composite) AddComposite(parameter, doc);
                else foreach (Selected found in _selected) Add(parameter.Kind, parameter.Id, doc, 0, found, path.ResolvedType);
            }
        }
    }

    private static bool IsDeceased(JsonElement patient) =>
        patient.TryGetProperty("deceasedDateTime", out _) || (patient.TryGetProperty("deceasedBoolean", out JsonElement flag)
            && flag.ValueKind == JsonValueKind.True);

    private int _element;

    private void AddComposite(SearchParameter parameter, int doc)
    {
        foreach (Selected element in _selected.ToArray())
        {
            var values = new List<Selected>[parameter.Parts.Count];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = [];
                foreach (PathExpression path in parameter.Parts[i].Paths) path.Select(element.Value, values[i]);
            }
            if (values.Any(v => v.Count == 0)) continue;
            _element++;
            for (int i = 0; i < values.Length; i++)
            {
                foreach (Selected value in values[i]) Add(parameter.Parts[i].Kind, parameter.Parts[i].Id, doc, _element, value, null);
            }
        }
    }

    private void Add(ParameterKind kind, int parameter, int doc, int element, Selected found, string? resolvedType)
    {
        switch (kind)
        {
            case ParameterKind.Token: AddTokens(parameter, doc, element, found); break;
            case ParameterKind.String: AddStrings(parameter, doc, element, found.Value); break;
            case ParameterKind.Date: AddDate(parameter, doc, element, found.Value); break;
            case ParameterKind.Reference: AddReference(parameter, doc, element, found.Value, resolvedType); break;
            case ParameterKind.Quantity or ParameterKind.Number: AddQuantity(parameter, doc, element, found.Value); break;
            case ParameterKind.Uri when found.Value.ValueKind == JsonValueKind.String: AddToken(parameter, doc, element, "",
                found.Value.GetString()!); break;
            default: break;
        }
    }

    private void AddTokens(int parameter, int doc, int element, Selected found)
    {
        JsonElement value = found.Value;
        switch (value.ValueKind)
        {
            case JsonValueKind.True or JsonValueKind.False: AddToken(parameter, doc, element, "", value.ValueKind == JsonValueKind.True
                ? "true" : "false"); break;
            case JsonValueKind.String: AddToken(parameter, doc, element, "", value.GetString()!); break;
            case JsonValueKind.Object when value.TryGetProperty("coding", out JsonElement codings)
                && codings.ValueKind == JsonValueKind.Array:
                foreach (JsonElement coding in codings.EnumerateArray()) AddCoding(parameter, doc, element, coding);
                AddText(parameter, doc, value, "text");
                break;
            case JsonValueKind.Object when value.TryGetProperty("value", out JsonElement identifier)
                && identifier.ValueKind == JsonValueKind.String:
                // An identifier is a person's: it stays with the patient. A phone number has no system that a search could name.
                string system = Text(value, "system") is { } named and not ("phone" or "fax" or "email" or "pager" or "url" or "sms" or "other") ? named : "";
                _tokens.Add(new TokenEntry(parameter, Own(identifier.GetString()!), Term(system), doc, element));
                if (value.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.Object) AddText(parameter, doc,
                    type, "text");
                break;
            case JsonValueKind.Object when value.TryGetProperty("code", out JsonElement code)
                && code.ValueKind == JsonValueKind.String: AddCoding(parameter, doc, element, value); break;
            case JsonValueKind.Object: AddText(parameter, doc, value, "text"); break;
            default: break;
        }
    }

    private void AddCoding(int parameter, int doc, int element, JsonElement coding)
    {
        if (coding.ValueKind != JsonValueKind.Object) return;
        if (Text(coding, "code") is { } code) AddToken(parameter, doc, element, Text(coding, "system") ?? "", code);
        AddText(parameter, doc, coding, "display");
    }

    private void AddToken(int parameter, int doc, int element, string system, string code) =>
        _tokens.Add(new TokenEntry(parameter, Term(code), Term(system), doc, element));

    /// <summary>What <c>:text</c> looks at.</summary>
    private void AddText(int parameter, int doc, JsonElement holder, string name)
    {
        if (Text(holder, name) is not { } text) return;
        int folded = name == "display" ? Term(TextFolding.Fold(text)) : Own(TextFolding.Fold(text));
        _strings.Add(new StringEntry(parameter | SearchParameter.TextBit, folded, folded, doc, 0));
    }

    private void AddStrings(int parameter, int doc, int element, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String: AddString(parameter, doc, element, value.GetString()!); break;
            case JsonValueKind.Array:
                foreach (JsonElement item in value.EnumerateArray()) AddStrings(parameter, doc, element, item);
                break;
            case JsonValueKind.Object:
                // HumanName and Address: any of their parts.
                foreach (JsonProperty part in value.EnumerateObject())
                {
                    if (part.Name is "family" or "given" or "prefix" or "suffix" or "text" or "line" or "city" or "district" or "state" or "postalCode" or "country")
                        AddStrings(parameter, doc, element, part.Value);
                }
                break;
            default: break;
        }
    }

    private void AddString(int parameter, int doc, int element, string text)
    {
        int exact = Own(text);
        string folded = TextFolding.Fold(text);
        _strings.Add(new StringEntry(parameter, folded == text ? exact : Own(folded), exact, doc, element));
    }

    private void AddDate(int parameter, int doc, int element, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            if (FhirDates.TryParse(value.GetString()!, out DateSpan span)) _dates.Add(new DateEntry(parameter, doc, element, span.Low,
                span.High));
            return;
        }
        if (value.ValueKind != JsonValueKind.Object) return;
        if (value.TryGetProperty("event", out JsonElement events) && events.ValueKind == JsonValueKind.Array)
            foreach (JsonElement one in events.EnumerateArray()) AddDate(parameter, doc, element, one);
        if (value.TryGetProperty("repeat", out JsonElement repeat) && repeat.ValueKind == JsonValueKind.Object
            && repeat.TryGetProperty("boundsPeriod", out JsonElement bounds)) AddDate(parameter, doc, element, bounds);
        string? start = Text(value, "start"), end = Text(value, "end");
        if (start is null && end is null) return;
        bool hasStart = FhirDates.TryParse(start ?? "", out DateSpan first), hasEnd = FhirDates.TryParse(end ?? "", out DateSpan last);
        if (hasStart || hasEnd) _dates.Add(new DateEntry(parameter, doc, element, hasStart ? first.Low : 0, hasEnd ? last.High
            : DateSpan.Open));
    }

    private void AddReference(int parameter, int doc, int element, JsonElement value, string? resolvedType)
    {
        string? text = value.ValueKind == JsonValueKind.String ? value.GetString() : value.ValueKind == JsonValueKind.Object
            ? Text(value, "reference") : null;
        if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("identifier", out JsonElement identifier)
            && identifier.ValueKind == JsonValueKind.Object
            && Text(identifier, "value") is { } own)
            _tokens.Add(new TokenEntry(parameter | SearchParameter.IdentifierBit, Own(own), Term(Text(identifier, "system") ?? ""), doc,
                0));
        if (text is null || ReferenceText.Parse(text) is not { } reference) return;
        if (resolvedType is not null && reference.Type.Length > 0 && reference.Type != resolvedType) return;
        // "urn:uuid:" does not say of what type: what it names is looked up when it is needed.
        int type = reference.IsAbsolute ? -1 : reference.Type.Length == 0 ? 0 : Term(reference.Type);
        _references.Add(new ReferenceEntry(parameter, doc, element, type, Own(reference.Id)));
    }

    private void AddQuantity(int parameter, int doc, int element, JsonElement value)
    {
        decimal number, high;
        string system = "", code = "", unit = "";
        if (value.ValueKind == JsonValueKind.Number)
        {
            if (!value.TryGetDecimal(out number)) return;
            high = number;
        }
        else if (value.ValueKind == JsonValueKind.Object && value.TryGetProperty("value", out JsonElement inner))
        {
            if (inner.ValueKind != JsonValueKind.Number || !inner.TryGetDecimal(out number)) return;
            high = number;
            (system, code, unit) = (Text(value, "system") ?? "", Text(value, "code") ?? "", Text(value, "unit") ?? "");
            if (Text(value, "currency") is { } currency) (system, code) = ("urn:iso:std:iso:4217", currency);
        }
        else
        {
            return;
        }
        CanonicalUnit? canonical = system == Units.Ucum ? Units.Find(code) : null;
        _quantities.Add(new QuantityEntry(
            parameter, doc, element, number, high, Term(system), Term(code), Term(unit), canonical is null ? 0 : Term(canonical.Base),
            canonical?.Of((double)number) ?? 0, canonical?.Of((double)high) ?? 0));
    }

    private static string? Text(JsonElement holder, string name) =>
        holder.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private string Texts(int own) => _texts[~own];

    /// <summary>A term, in the pool where there is room.</summary>
    private int Term(string text) => terms.Intern(text) is var id and >= 0 ? id : Own(text);

    /// <summary>A text that belongs to this patient.</summary>
    private int Own(string text)
    {
        if (_textIds.TryGetValue(text, out int id)) return id;
        _texts.Add(text);
        return _textIds[text] = ~(_texts.Count - 1);
    }
}
