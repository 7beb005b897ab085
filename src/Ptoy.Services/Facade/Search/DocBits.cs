using System.Numerics;
using System.Runtime.CompilerServices;

namespace Ptoy.Services.Facade.Search;

/// <summary>A set of a shelf's documents within the range of one type.</summary>
internal sealed class DocBits(int start, int end)
{
    private readonly ulong[] _words = new ulong[(end - start + 63) >> 6];

    public int Start => start;

    public int End => end;

    public bool IsEmpty
    {
        get
        {
            foreach (ulong word in _words) if (word != 0) return false;
            return true;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(int doc)
    {
        if (doc >= start && doc < end) _words[(doc - start) >> 6] |= 1UL << ((doc - start) & 63);
    }

    public bool Has(int doc) => doc >= start && doc < end && (_words[(doc - start) >> 6] & (1UL << ((doc - start) & 63))) != 0;

    public void And(DocBits other)
    {
        for (int i = 0; i < _words.Length; i++) _words[i] &= other._words[i];
    }

    public void AndNot(DocBits other)
    {
        for (int i = 0; i < _words.Length; i++) _words[i] &= ~other._words[i];
    }

    public void Or(DocBits other)
    {
        for (int i = 0; i < _words.Length; i++) _words[i] |= other._words[i];
    }

    public IEnumerable<int> Items()
    {
        for (int i = 0; i < _words.Length; i++)
        {
            for (ulong word = _words[i]; word != 0; word &= word - 1) yield return start + (i << 6) + BitOperations.TrailingZeroCount(word);
        }
    }
}
