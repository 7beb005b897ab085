namespace Ptoy.FraudInjector;

/// <summary>Fraud on claims. Each method commits one case, or none where its dice find no occasion.</summary>
internal sealed class ClaimFrauds(Dice dice, Year year, Practice practice)
{
    private List<Bill>? _bundled;

    public void Duplicate()
    {
        Bill bill = Victim();
        Bill again = bill with { Id = dice.Id(), Created = bill.Created.AddDays(dice.Between(5, 70)).AddMinutes(dice.Below(600)), Meeting = dice.Chance(0.5) ? bill.Meeting : null };
        year.Bills.Add(again);
        Forge(again, 0.2);
        Commit("duplicate", bill, again);
    }

    /// <summary>The copy is disguised: another day, another price, another doctor of the house, a line more or less; sometimes all of it.</summary>
    public void NearDuplicate()
    {
        Bill bill = Victim(b => b.Lines.Count > 1 || b.Lines[0].Price > 60);
        Bill copy = bill with { Id = dice.Id(), Created = bill.Created.AddDays(dice.Between(3, 60)), Meeting = dice.Chance(0.5) ? bill.Meeting : null };
        int changes = dice.Between(1, 2);
        for (int i = 0; i < changes; i++)
        {
            switch (dice.Below(4))
            {
                case 0:
                    int days = dice.Between(1, 4) * (dice.Chance(0.5) ? 1 : -1);
                    copy = copy with { From = copy.From.AddDays(days), To = copy.To.AddDays(days) };
                    break;
                case 1:
                    double factor = 1 + ((dice.Unit() - 0.4) * 0.3);
                    copy = copy with { Lines = [.. copy.Lines.Select(l => l with { Price = Math.Round(l.Price * factor, 2) })] };
                    break;
                case 2:
                    Worker other = dice.Pick(copy.Worker.Hospital.In(copy.Worker.Department));
                    copy = copy with { Worker = other, From = copy.From.AddHours(dice.Between(-2, 2)) };
                    break;
                default:
                    copy = copy with { Lines = copy.Lines.Count > 2 ? [.. copy.Lines.Skip(1)] : [.. copy.Lines, Practice.Line("36415", copy.Site.Hospital)] };
                    break;
            }
        }
        copy = copy with { To = copy.From + (bill.To - bill.From) };
        year.Bills.Add(copy);
        Forge(copy, 0.2);
        Commit("near-duplicate", bill, copy);
    }

    /// <summary>Parts are billed beside the whole or in its place, in one claim or in two.</summary>
    public void Unbundling()
    {
        _bundled ??= [.. year.Bills.Where(b => b.Lines.Any(l => Catalogue.Bundles.Any(u => u.Whole == l.Code)))];
        if (_bundled.Count == 0) return;
        int index = dice.Below(_bundled.Count);
        Bill bill = _bundled[index];
        _bundled.RemoveAt(index);
        if (!year.Bills.Remove(bill)) return;
        Line whole = bill.Lines.First(l => Catalogue.Bundles.Any(u => u.Whole == l.Code));
        string[] parts = Catalogue.Bundles.First(u => u.Whole == whole.Code).Parts;
        Line[] extra = [.. parts.Select(p => Practice.Line(p, bill.Site.Hospital))];
        bool instead = parts.Length > 1 && dice.Chance(0.5);
        Line[] kept = instead ? [.. bill.Lines.Where(l => l != whole)] : [.. bill.Lines];
        if (dice.Chance(0.6) || kept.Length == 0)
        {
            Bill changed = bill with { Lines = [.. kept, .. extra] };
            year.Bills.Add(changed);
            Commit("unbundling", changed);
            return;
        }
        Bill first = bill with { Lines = kept };
        Bill second = bill with { Id = dice.Id(), Lines = extra, Created = bill.Created.AddDays(dice.Below(9)), Meeting = null };
        year.Bills.Add(first);
        year.Bills.Add(second);
        Commit("unbundling", first, second);
    }

    /// <summary>A doctor bills for a place where he cannot have been, or a patient's card is used far away.</summary>
    public void ImpossibleTravel()
    {
        Bill real = Victim(b => b.PlaceOfService is "11" or "23");
        Site[] others = [.. year.Hospitals.SelectMany(h => h.Sites).Where(s => s != real.Site)];
        Site[] near = [.. others.Where(s => s.Hospital == real.Site.Hospital)];
        Site site = dice.Pick(near.Length > 0 && dice.Chance(0.25) ? near : others);
        DateTime from = real.From.AddMinutes(dice.Between(-50, 70));
        bool doctor = dice.Chance(0.55);
        Person person = doctor ? dice.Pick(year.People.Where(p => p.Died is null).ToArray()) : real.Person;
        Worker worker = doctor ? real.Worker : dice.Pick(site.Hospital.In(dice.Chance(0.5) ? Catalogue.Primary : Catalogue.Emergency));
        var phantom = new Bill(
            dice.Id(), person, worker, site, from, from.AddMinutes(dice.Between(12, 40)), from.AddDays(dice.Between(1, 25)),
            [Practice.Line(dice.Pick<string>(["99213", "99214", "99283"]), site.Hospital)], "11");
        year.Bills.Add(phantom);
        Forge(phantom, 0.3);
        Commit("impossible-travel", real, phantom);
    }

    public void AfterDeath()
    {
        Person[] dead = [.. year.People.Where(p => p.Died is not null)];
        Person person = dice.Pick(dead);
        Worker worker = dice.Chance(0.6) ? person.Doctor : dice.Pick(person.Hospital.In(Catalogue.Cardiology));
        DateTime from = practice.Hour(person.Died!.Value.Date.AddDays(dice.Between(2, 120)), worker);
        if (from > Year.End) from = practice.Hour(person.Died.Value.Date.AddDays(dice.Between(2, 9)), worker);
        var bill = new Bill(
            dice.Id(), person, worker, worker.Site, from, from.AddMinutes(20), from.AddDays(dice.Between(1, 20)),
            [Practice.Line(dice.Pick<string>(["99213", "99214", "97110", "90834"]), worker.Site.Hospital)], "11");
        year.Bills.Add(bill);
        Forge(bill, 0.3);
        Commit("after-death", bill);
    }

    /// <summary>One patient, many prescribers who do not know of one another, too many tablets.</summary>
    public void DoctorShopping()
    {
        Person person = dice.Pick(year.People.Where(p => p.Died is null && (Year.Start - p.Born).TotalDays / 365 > 18).ToArray());
        string drug = dice.Pick(Catalogue.Controlled);
        Hospital[] hospitals = [.. year.Hospitals.OrderBy(_ => dice.Next()).Take(dice.Between(2, 5))];
        DateTime day = Year.Start.AddDays(dice.Below(Year.Days - 130));
        int count = dice.Between(3, 9);
        var scripts = new List<string>();
        for (int i = 0; i < count; i++)
        {
            Hospital hospital = hospitals[i % hospitals.Length];
            Worker doctor = dice.Pick(hospital.In(dice.Chance(0.6) ? Catalogue.Primary : Catalogue.Emergency));
            practice.Visit(person, doctor, practice.Hour(day, doctor), 15, ["99213"]);
            scripts.Add("MedicationRequest/" + practice.PrescribeDrug(person, doctor, day.AddHours(12), dice.Chance(0.8) ? drug : dice.Pick(Catalogue.Controlled), dice.Between(14, 30)).Id);
            day = day.AddDays(dice.Between(3, 21));
        }
        year.Incidents.Add(new Incident("doctor-shopping", scripts));
    }

    /// <summary>Some write the encounter that never was, too.</summary>
    private void Forge(Bill bill, double chance)
    {
        if (dice.Chance(chance)) year.Meetings.Add(new Meeting(dice.Id(), bill.Person, bill.Worker, bill.Site, bill.From, bill.To, "AMB", false));
    }

    private Bill Victim(Func<Bill, bool>? fits = null)
    {
        for (int i = 0; ; i++)
        {
            Bill bill = dice.Pick(year.Bills);
            if (i > 500 || (bill.Replaces is null && bill.Lines.All(l => l.Modifier.Length == 0) && (fits is null || fits(bill)))) return bill;
        }
    }

    private void Commit(string kind, params Bill[] bills) => year.Incidents.Add(new Incident(kind, [.. bills.Select(b => "Claim/" + b.Id)]));
}
