namespace Ptoy.FraudInjector;

/// <summary>Misuse of access, and stolen or made-up identities.</summary>
internal sealed class AccessFrauds(Dice dice, Year year, Practice practice, WorldMaker world)
{
    /// <summary>Somebody looks after a neighbour, a colleague, a relative. Once, or again and again.</summary>
    public void Snooping()
    {
        for (int attempt = 0; attempt < 200; attempt++)
        {
            Worker worker = dice.Pick(year.Workers);
            Person? target = dice.Below(3) switch
            {
                0 => Any(year.People.Where(p => p.Home.Town == worker.Home.Town && p.Home.Street == worker.Home.Street && p.Home != worker.Home)),
                1 => Any(year.People.Where(p => p.Employer == worker.Hospital && p.Home != worker.Home)),
                _ => Any(year.People.Where(p => p.Home == worker.Home)) ?? Any(year.People.Where(p => p.Family == worker.Family && p.Hospital == worker.Hospital)),
            };
            if (target is null) continue;
            Peek("snooping", worker, target, dice.Between(1, 5));
            return;
        }
    }

    /// <summary>Curiosity about somebody to whom there is no relation at all.</summary>
    public void Unexplained()
    {
        Person target = dice.Pick(year.People);
        Worker[] staff = [.. target.Hospital.Staff];
        Peek("unexplained", dice.Pick(staff), target, dice.Between(1, 4));
    }

    /// <summary>Many records in a day, to sell or to take along.</summary>
    public void Burst()
    {
        Worker worker = dice.Pick(year.Workers);
        DateTime day = Year.Start.AddDays(dice.Below(Year.Days - 10));
        int count = (int)Math.Round(6 * Math.Pow(12, dice.Unit()));
        bool night = dice.Chance(0.4);
        Person[] mine = [.. year.People.Where(p => p.Hospital == worker.Hospital)];
        var looks = new List<string>();
        DateTime time = night ? day.AddHours(dice.Between(19, 23)) : day.AddHours(dice.Between(8, 14));
        foreach (Person person in mine.OrderBy(_ => dice.Next()).Take(count))
        {
            time = time.AddSeconds(night ? dice.Between(5, 60) : dice.Between(30, 400));
            looks.Add(See(worker.Id, person, time));
        }
        year.Incidents.Add(new Incident("burst", looks));
    }

    /// <summary>One telephone enrols people who do not live together and whom nobody has seen.</summary>
    public void SharedPhone()
    {
        string phone = world.NewPhone();
        int people = dice.Between(3, 10);
        DateTime day = Year.Start.AddDays(dice.Between(5, 320));
        var patients = new List<string>();
        for (int i = 0; i < people; i++)
        {
            Person person = world.NewPerson(world.NewHome(dice.Below(year.Hospitals.Count)), dice.Pick(Catalogue.Families), phone, dice.Between(20, 80));
            person.Joined = day = day.AddHours(dice.Between(2, 90));
            year.Changes.Add(new Change(dice.Id(), person, person.Joined, false, person.Hospital));
            patients.Add("Patient/" + person.Id);
            if (dice.Chance(0.6)) practice.Visit(person, person.Doctor, day.Date.AddDays(dice.Between(1, 14)).AddHours(10), 15, ["99213"]);
        }
        year.Incidents.Add(new Incident("shared-phone", patients));
    }

    /// <summary>A stolen account: a new device, and soon after a hospital in a town where the person never was.</summary>
    public void Takeover()
    {
        Person person = dice.Pick(year.People.Where(p => p.Died is null).ToArray());
        DateTime when = Year.Start.AddDays(dice.Between(10, 340)).AddHours(dice.Below(24));
        // Some thieves live near their victim.
        Hospital[] others = [.. year.Hospitals.Where(h => h != person.Hospital).OrderBy(h => Math.Abs(h.Sites[0].Latitude - person.Home.Latitude) + Math.Abs(h.Sites[0].Longitude - person.Home.Longitude))];
        Hospital other = dice.Chance(0.3) ? others[0] : dice.Pick(others);
        var device = new Change(dice.Id(), person, when, true, null);
        var hospital = new Change(dice.Id(), person, when.AddHours(dice.Between(1, 260)), false, other);
        year.Changes.Add(device);
        year.Changes.Add(hospital);
        var references = new List<string> { "AuditEvent/" + device.Id, "AuditEvent/" + hospital.Id };
        if (dice.Chance(0.6))
        {
            Worker doctor = dice.Pick(other.In(Catalogue.Primary));
            practice.Visit(person, doctor, hospital.Time.Date.AddDays(dice.Between(1, 6)).AddHours(11), 15, ["99213"]);
        }
        year.Incidents.Add(new Incident("takeover", references));
    }

    private void Peek(string kind, Worker worker, Person target, int times)
    {
        DateTime day = Year.Start.AddDays(dice.Below(300));
        var looks = new List<string>();
        for (int i = 0; i < times; i++)
        {
            DateTime time = dice.Chance(0.25) ? day.AddHours(dice.Between(18, 29)) : day.AddHours(8).AddMinutes(dice.Below(540));
            int clicks = dice.Between(1, 4);
            for (int c = 0; c < clicks; c++) looks.Add(See(worker.Id, target, time.AddMinutes(c * dice.Between(1, 4))));
            day = day.AddDays(dice.Between(1, 15));
        }
        year.Incidents.Add(new Incident(kind, looks));
    }

    private string See(string user, Person person, DateTime time)
    {
        var look = new Look(dice.Id(), user, person, time, "TREAT");
        year.Looks.Add(look);
        return "AuditEvent/" + look.Id;
    }

    private Person? Any(IEnumerable<Person> people) => people.ToArray() is { Length: > 0 } found ? dice.Pick(found) : null;
}
