using System.Globalization;
using System.Text;
using Jint.Native;
using Jint.Runtime;

namespace Ptoy.Vm.Realm;

/// <summary>A strict JSON reader over UTF-16 text that makes values of a realm. A repeated member takes its last value.</summary>
internal sealed class JsonReader(Frame frame, string json, string what)
{
    private int _at;

    public JsValue ReadAll()
    {
        JsValue value = Value(0);
        White();
        return _at == json.Length ? value : throw Wrong("something follows the value");
    }

    private JavaScriptException Wrong(string problem) => Errors.Failure($"{what}: not JSON: {problem} at character {_at}");

    private void White()
    {
        while (_at < json.Length && json[_at] is ' ' or '\t' or '\n' or '\r') _at++;
    }

    private char Peek() => _at < json.Length ? json[_at] : throw Wrong("the text ends too early");

    private bool Take(char c)
    {
        White();
        if (Peek() != c) return false;
        _at++;
        return true;
    }

    private JsValue Value(int depth)
    {
        if (depth > VmLimits.MaxJsonDepth) throw Errors.Failure($"{what}: nested deeper than {VmLimits.MaxJsonDepth}");
        frame.Meter.Charge(Gas.Entry);
        White();
        switch (Peek())
        {
            case '{': return Object(depth);
            case '[': return Array(depth);
            case '"': return JsString.Create(Text());
            case 't': return Word("true", JsBoolean.True);
            case 'f': return Word("false", JsBoolean.False);
            case 'n': return Word("null", JsValue.Null);
            default: return Number();
        }
    }

    private JsValue Word(string word, JsValue value)
    {
        if (string.CompareOrdinal(json, _at, word, 0, word.Length) != 0) throw Wrong("an unknown word");
        _at += word.Length;
        return value;
    }

    private JsObject Object(int depth)
    {
        _at++;
        var made = new JsObject(frame.Engine);
        if (Take('}')) return made;
        do
        {
            White();
            if (Peek() != '"') throw Wrong("a member's name is missing");
            string name = Text();
            if (!Take(':')) throw Wrong("a colon is missing");
            made.FastSetDataProperty(name, Value(depth + 1));
        }
        while (Take(','));
        return Take('}') ? made : throw Wrong("a comma or '}' is missing");
    }

    private JsArray Array(int depth)
    {
        _at++;
        var elements = new List<JsValue>();
        if (Take(']')) return new JsArray(frame.Engine, []);
        do
        {
            elements.Add(Value(depth + 1));
        }
        while (Take(','));
        return Take(']') ? ArrayMethods.Make(frame, elements) : throw Wrong("a comma or ']' is missing");
    }

    private JsNumber Number()
    {
        int start = _at;
        if (Peek() == '-') _at++;
        if (Peek() == '0') _at++;
        else Digits();
        if (_at < json.Length && json[_at] == '.')
        {
            _at++;
            Digits();
        }
        if (_at < json.Length && json[_at] is 'e' or 'E')
        {
            _at++;
            if (Peek() is '+' or '-') _at++;
            Digits();
        }
        double value = double.Parse(json.AsSpan(start, _at - start), NumberStyles.Float, CultureInfo.InvariantCulture);
        return double.IsFinite(value) ? JsNumber.Create(value) : throw Wrong("a number too large");
    }

    private void Digits()
    {
        int start = _at;
        while (_at < json.Length && char.IsAsciiDigit(json[_at])) _at++;
        if (_at == start) throw Wrong("an unexpected character");
    }

    private string Text()
    {
        int start = ++_at;
        while (_at < json.Length && json[_at] is not ('"' or '\\') && json[_at] >= ' ') _at++;
        if (_at < json.Length && json[_at] == '"') return json[start.._at++];
        var text = new StringBuilder(json, start, _at - start, Math.Max(16, _at - start));
        while (true)
        {
            char c = Peek();
            _at++;
            if (c == '"') return text.ToString();
            if (c < ' ') throw Wrong("a control character in a string");
            text.Append(c == '\\' ? Escape() : c);
        }
    }

    private char Escape()
    {
        char c = Peek();
        _at++;
        switch (c)
        {
            case '"' or '\\' or '/': return c;
            case 'b': return '\b';
            case 'f': return '\f';
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'u' when _at + 4 <= json.Length && ushort.TryParse(json.AsSpan(_at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort unit):
                _at += 4;
                return (char)unit;
            default: throw Wrong("an unknown escape");
        }
    }
}
